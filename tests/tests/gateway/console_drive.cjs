// Drives the console as a person would: `console_drive.cjs PART ADDRESS [ARGUMENTS]`. What it finds wrong ends it with 1.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const readline = require("node:readline");
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;

const [part, base, ...given] = process.argv.slice(2);
const PATIENCE_MS = 120_000;
/** What would run if anything of a stranger's were read as a page. */
const HOSTILE = [
  "<img src=x onerror=window.__ran=1>", "<script>window.__ran=1</script>", "\"><svg onload=window.__ran=1>", "javascript:window.__ran=1",
  "'-window.__ran=1-'", "{{constructor.constructor('window.__ran=1')()}}", "\u202eevil\u202c \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
];

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** Has the gateway killed and started again. */
async function restart() {
  console.log("RESTART");
  assert.equal((await lines.next()).value, "done");
}

async function started() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] });
}

async function opened(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.refused = [];
  page.on("pageerror", (error) => page.refused.push(error.message));
  page.on("dialog", (dialog) => { page.refused.push(`a dialog: ${dialog.message()}`); void dialog.accept(); });
  page.on("console", (message) => /Content.Security.Policy/i.test(message.text()) && page.refused.push(message.text()));
  return page;
}

/** Nothing broke, nothing was refused by the policy, nothing of a stranger's ran. */
async function unharmed(page) {
  assert.deepEqual(page.refused, []);
  assert.equal(await page.evaluate(() => window.__ran), undefined);
}

/** axe finds nothing, in both themes and both languages, and nothing sticks out at a telephone's width. */
async function accessible(page, what) {
  for (const language of ["en", "zh"]) {
    await page.locator(".settings select").nth(1).selectOption(language);
    for (const theme of ["light", "dark"]) {
      await page.locator(".settings select").first().selectOption(theme);
      await checked(page, `${what} ${language} ${theme}`);
    }
  }
  await page.locator(".settings select").nth(1).selectOption("en");
  await page.setViewportSize({ width: 380, height: 800 });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(over <= 0, `${what}: ${over} px too wide for a telephone`);
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function checked(page, what) {
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const wrong = found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")} ${one.nodes[0].failureSummary}`);
  assert.deepEqual(wrong, [], what);
}

const go = (page, place) => page.goto(`${base}/#/${place}`);

/** Sees a job to its end. */
async function done(page) {
  await page.locator(".page-head .badge.is-succeeded").waitFor();
  return page.url().split("/").pop();
}

async function chosen(page, kind) {
  await go(page, "new");
  await page.locator(`input[name=kind][value=${kind}]`).check();
  await page.locator("h2", { hasText: "What to read" }).waitFor();
}

async function sendFile(page, file) {
  await page.locator("input[type=file]").setInputFiles(file);
  await page.locator("[data-upload=sent]").waitFor();
}

const begin = (page) => page.getByRole("button", { name: "Start", exact: true }).click();

async function control(page, picture) {
  await chosen(page, "control");
  await accessible(page, "new job");
  const name = `${HOSTILE[0]}.png`;
  await sendFile(page, { name, mimeType: "image/png", buffer: fs.readFileSync(picture) });
  await page.locator("input[name=labels]").fill(`show=${HOSTILE[1]}`);
  assert.match(await page.locator("pre").first().textContent(), /medley run control/);
  await begin(page);
  const job = await done(page);
  const map = page.locator(".picture img").first();
  await map.waitFor();
  await page.waitForFunction(() => document.querySelector(".picture img")?.naturalWidth > 0);
  assert.equal(await page.locator("h1 bdi").textContent(), name);
  await page.getByRole("button", { name: "Lay canny.png over the photo" }).click();
  await page.waitForFunction(() => [...document.querySelectorAll(".compare img")].every((one) => one.naturalWidth > 0));
  await accessible(page, "pictures");
  return job;
}

async function speak(page) {
  await chosen(page, "speak");
  await page.locator("textarea[name=text]").fill("Good morning, everyone.");
  await begin(page);
  await done(page);
  await page.locator(".word").first().waitFor();
  assert.equal(await page.locator(".word").count(), 3);
  await page.waitForFunction(() => document.querySelector("audio")?.duration > 0.5);
  await page.locator(".word").nth(2).click();
  await page.waitForFunction(() => document.querySelectorAll(".word")[2].classList.contains("now"));
  await page.evaluate(() => document.querySelector("audio").pause());
  await accessible(page, "speech");
}

async function revised(page, number) {
  await page.getByText(`Saved as correction ${number}`).waitFor();
}

async function transcript(page, job) {
  return (await page.request.get(`${base}/v1/jobs/${job}/artifacts/transcript.json`)).json();
}

/** The transcript that is saved, once it is as it should be. */
async function becomes(page, job, holds) {
  for (const until = Date.now() + PATIENCE_MS; ; ) {
    const now = await transcript(page, job);
    if (holds(now)) return now;
    assert.ok(Date.now() < until, JSON.stringify(now));
    await page.waitForTimeout(200);
  }
}

async function transcribe(page, clip) {
  await chosen(page, "transcribe");
  await sendFile(page, clip);
  await page.locator("input[name=model]").fill("tiny.en");
  await begin(page);
  const job = await done(page);
  await page.locator(".segment").first().waitFor();
  await page.waitForFunction(() => document.querySelector("audio")?.duration > 9);
  const before = await transcript(page, job);
  await page.locator(".segment .at").nth(1).click();
  await page.waitForFunction((at) => document.querySelector("audio").currentTime >= at, before.segments[1].start_s - 0.1);
  await page.evaluate(() => document.querySelector("audio").pause());

  // Edited and split by the keyboard, and saved on its own.
  await page.locator(".segment").first().hover();
  await page.getByRole("button", { name: /^Edit the text/ }).first().click();
  await page.locator("textarea:focus").waitFor();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Ever tried, often failed.");
  // Saved while the field is open, too.
  await becomes(page, job, (now) => now.segments[0].text === "Ever tried, often failed.");
  for (let n = 0; n < "often failed.".length; n++) await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Control+Enter");
  const after = await becomes(page, job, (now) => now.segments.length === before.segments.length + 1);
  assert.deepEqual(after.segments.slice(0, 2).map((one) => one.text), ["Ever tried,", "often failed."]);
  assert.deepEqual(after.segments[0].words, before.segments[0].words.slice(0, 2), "words that stayed keep their times");
  assert.ok(after.segments[1].words[0].start_s < after.segments[1].words[1].start_s);

  // Taken back: the edit and the split.
  while (await page.getByRole("button", { name: "Undo" }).isEnabled()) await page.getByRole("button", { name: "Undo" }).click();
  await becomes(page, job, (now) => now.text === before.text);
  await page.locator("input[type=search]").fill("fail");
  await page.getByPlaceholder("Replace by").fill("FAIL");
  await page.getByRole("button", { name: "Replace all" }).click();
  await becomes(page, job, (now) => !now.text.includes("fail"));

  // Somebody else was quicker, and wrote what would be a program in a page that trusted it.
  const hostile = { ...before, segments: before.segments.map((one, n) => ({ ...one, speaker: HOSTILE[n % HOSTILE.length], text: HOSTILE.join(" "), words: HOSTILE.map((text, at) => ({ start_s: one.start_s + at / 10, end_s: one.end_s, text })) })) };
  const multipart = { file: { name: "transcript.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(hostile)) } };
  const newest = (await page.request.get(`${base}/v1/jobs/${job}/revisions`)).headers().etag;
  const other = await page.request.post(`${base}/v1/jobs/${job}/revisions`, { headers: { "If-Match": newest }, multipart });
  assert.equal(other.status(), 201, await other.text());
  await page.getByPlaceholder("Replace by").fill("Fail");
  await page.getByRole("button", { name: "Replace all" }).click();
  await page.getByText("Somebody else saved a correction").waitFor();
  await page.getByRole("button", { name: "Take theirs" }).click();
  await page.locator(".word", { hasText: "<script>" }).first().waitFor();
  await unharmed(page);
  await accessible(page, "transcript");

  // A speaker is called something else everywhere.
  const name = page.locator(".speaker-name").first();
  await name.fill("Nagg");
  await name.press("Enter");
  await becomes(page, job, (now) => now.segments[0].speaker === "Nagg");
}

async function receipt(page, picture) {
  await chosen(page, "receipt");
  await sendFile(page, picture);
  await begin(page);
  const job = await done(page);
  await page.locator("polygon").first().waitFor();
  await page.waitForFunction(() => document.querySelector(".sheet img")?.naturalWidth > 0);
  const total = page.locator("input[data-path=total]");
  await total.focus();
  await page.locator("polygon[data-path=total].lit").waitFor();
  await page.locator("polygon[data-path=number]").hover();
  await page.locator(".receipt-field.lit", { has: page.locator("[data-path=number]") }).waitFor();
  await total.fill(HOSTILE[2]);
  await total.press("Tab");
  await revised(page, 1);
  const read = await (await page.request.get(`${base}/v1/jobs/${job}/artifacts/receipt.json`)).json();
  assert.equal(read.total.value, HOSTILE[2]);
  assert.equal(read.total.corrected, true);
  await accessible(page, "receipt");
}

async function failing(page, clip) {
  await chosen(page, "control");
  await sendFile(page, { name: "no picture.png", mimeType: "image/png", buffer: fs.readFileSync(clip) });
  await begin(page);
  await page.locator(".page-head .badge.is-failed").waitFor();
  await page.locator("[role=alert] code").waitFor();
  await accessible(page, "failed job");
  await page.getByRole("link", { name: "Run again with other settings" }).click();
  await page.getByText("Read again:").waitFor();
}

const parts = {
  async kinds() {
    const [picture, clip, bill] = given;
    const browser = await started();
    const page = await opened(browser);
    await page.goto(`${base}/`);
    await page.getByText("No jobs yet").waitFor();
    await accessible(page, "no jobs");
    await control(page, picture);
    await speak(page);
    await transcribe(page, clip);
    await receipt(page, bill);
    await failing(page, clip);
    await go(page, "jobs");
    await page.locator("tbody tr").nth(4).waitFor();
    await accessible(page, "jobs");
    await go(page, "fleet");
    await page.getByRole("cell", { name: "transcribe", exact: true }).waitFor();
    await page.locator(".chart canvas").waitFor();
    await page.getByRole("button", { name: "Pause caption" }).click();
    await page.getByRole("button", { name: "Resume caption" }).click();
    await page.getByRole("button", { name: "Pause caption" }).waitFor();
    await accessible(page, "fleet");
    await go(page, "webhooks");
    await page.getByText("No webhooks yet").waitFor();
    await accessible(page, "webhooks");
    await go(page, "tokens");
    await page.getByText("No tokens yet").waitFor();
    await accessible(page, "tokens");
    await unharmed(page);
    await browser.close();
  },

  async uploads() {
    const browser = await started();
    const page = await opened(browser);
    const file = { name: "long.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(20_000_003, 7) };
    await chosen(page, "caption");
    // The second piece breaks off twice.
    let [pieces, broken] = [0, 0];
    await page.route("**/v1/inputs/*", (route) => {
      if (route.request().method() === "PATCH" && ++pieces > 1 && broken < 2) {
        broken += 1;
        return route.abort("connectionreset");
      }
      return route.continue();
    });
    await sendFile(page, file);
    assert.equal(broken, 2);
    await page.unroute("**/v1/inputs/*");

    // Left in the middle: who comes back with the same file goes on where it was.
    const path = `${require("node:os").tmpdir()}/medley-console-${process.pid}.bin`;
    fs.writeFileSync(path, Buffer.alloc(20_000_003, 9));
    pieces = 0;
    await page.route("**/v1/inputs/*", (route) => (route.request().method() === "PATCH" && ++pieces > 1 ? route.abort("connectionreset") : route.continue()));
    await go(page, "jobs");
    await chosen(page, "caption");
    await page.locator("input[type=file]").setInputFiles(path);
    await page.locator("[data-upload=broken]").waitFor();
    await page.unroute("**/v1/inputs/*");
    await page.reload();
    await page.locator("input[name=kind][value=caption]").check();
    const offsets = [];
    page.on("request", (request) => request.method() === "PATCH" && offsets.push(Number(request.headers()["upload-offset"])));
    await sendFile(page, path);
    fs.rmSync(path);
    assert.ok(offsets[0] > 0, `it began at ${offsets}`);

    // The gateway is killed under an open page, which goes on when another one is there.
    await go(page, "jobs");
    await page.locator(".link.is-live").waitFor();
    await restart();
    await page.locator(".link.is-live").waitFor();
    const asked = await page.request.post(`${base}/v1/jobs`, { data: { kind: "speak", inputs: [{ text: "After the restart." }] } });
    assert.equal(asked.status(), 202);
    const row = page.locator("tr", { hasText: "After the restart." });
    await row.waitFor();
    await row.locator(".badge.is-succeeded").waitFor();
    await unharmed(page);
    await browser.close();
  },

  async tenants() {
    const [kims, lees] = given;
    const browser = await started();
    const signIn = async (token) => {
      const page = await opened(browser);
      await page.goto(`${base}/`);
      await page.locator("input[type=password]").fill(token);
      await page.getByRole("button", { name: "Sign in" }).click();
      return page;
    };
    const wrong = await signIn(`${kims.slice(0, -1)}${kims.endsWith("0") ? "1" : "0"}`);
    await wrong.getByText("a character of the token is wrong").waitFor();
    await checked(wrong, "sign in");
    const kim = await signIn(kims);
    const lee = await signIn(lees);
    await kim.getByText("No jobs yet").waitFor();
    await chosen(kim, "speak");
    await kim.getByText("no worker serves speak").waitFor();
    await kim.locator("textarea[name=text]").fill("Kim's secret.");
    await begin(kim);
    await kim.locator(".page-head .badge.is-queued").waitFor();
    await kim.getByText("no worker serves speak").waitFor();
    await checked(kim, "a job that waits");
    const job = kim.url().split("/").pop();

    // Nothing of it is another tenant's.
    await go(lee, "jobs");
    await lee.getByText("No jobs yet").waitFor();
    await go(lee, `jobs/${job}`);
    await lee.locator("[role=alert]").waitFor();
    assert.ok(!(await lee.content()).includes("Kim's secret"));

    // No script reads the cookie, and a request by it alone changes nothing.
    assert.equal(await kim.evaluate(() => document.cookie), "");
    const [cookie] = (await kim.context().cookies()).filter((one) => one.name === "medley_session");
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
    const byItself = (method, headers = {}) => kim.evaluate(async ([url, how]) => {
      const response = await fetch(url, how);
      return [response.status, response.status === 403 ? (await response.json()).code : ""];
    }, [`${base}/v1/jobs/${job}/cancel`, { method, headers }]);
    assert.deepEqual(await byItself("POST"), [403, "csrf_missing"]);
    assert.deepEqual(await byItself("POST", { "X-CSRF-Token": "made-up" }), [403, "csrf_missing"]);
    const foreign = await kim.request.post(`${base}/v1/jobs/${job}/cancel`, { headers: { Origin: "https://evil.example" } });
    assert.equal((await foreign.json()).code, "origin_foreign");

    await kim.getByRole("button", { name: "Cancel" }).click();
    await kim.locator(".page-head .badge.is-cancelled, .page-head .badge.is-cancelling").waitFor();
    await kim.getByRole("button", { name: "Sign out" }).click();
    await kim.locator("input[type=password]").waitFor();
    // The cookie of before opens nothing any more.
    await kim.context().addCookies([cookie]);
    assert.equal((await kim.request.get(`${base}/v1/jobs`)).status(), 401);
    await unharmed(kim);
    await browser.close();
  },
};

parts[part]().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
