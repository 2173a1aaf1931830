// Appended to a copy of transcript.html: uses the page as a listener does and posts what it saw to REPORT_TO.
(async () => {
  const report = (seen) => fetch("REPORT_TO", { method: "POST", mode: "no-cors", body: JSON.stringify(seen) });
  try { await report(await visit()); } catch (error) { await report({ error: String(error) }); }
})();

async function visit() {
  const seen = {};
  const once = (target, event) => new Promise((done) => target.addEventListener(event, done, { once: true }));
  if (player.readyState < 1) await once(player, "loadedmetadata");
  player.muted = true;
  seen.duration = player.duration;

  const words = [...document.querySelectorAll(".s b")];
  const word = words[5];
  const moved = once(player, "seeked");
  word.click();
  await moved;
  player.pause();
  seen.clicked = +word.dataset.t;
  seen.playing_from = player.currentTime;
  player.currentTime = seen.clicked + 0.001;
  await once(player, "seeked");
  seen.word_now = document.querySelector("b.now")?.textContent;
  seen.word = word.textContent;
  seen.segment_follows = word.closest(".s").classList.contains("now");

  const chapter = document.querySelectorAll("nav button")[1];
  const jumped = once(player, "seeked");
  chapter.click();
  await jumped;
  player.pause();
  seen.chapter_at = +chapter.dataset.t;
  seen.chapter_from = player.currentTime;
  await new Promise((done) => setTimeout(done, 300));
  follow();
  seen.chapter_current = chapter.getAttribute("aria-current");

  search.value = word.textContent.toUpperCase();
  search.dispatchEvent(new Event("input"));
  const visible = (s) => getComputedStyle(s).display !== "none";
  seen.hits = +found.textContent;
  seen.visible = segments.filter(visible).length;
  seen.hit_holds_it = segments.filter(visible).every((s) => s.textContent.toLowerCase().includes(word.textContent.toLowerCase()));
  search.value = "";
  search.dispatchEvent(new Event("input"));
  seen.all_visible = segments.every(visible);
  seen.loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  return seen;
}
