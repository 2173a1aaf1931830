// The frame of every page: who is signed in, where one is, and the page.
import type { ComponentType } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { onSignedOut, session as readSession, signOut } from "./api";
import { setLanguage, t, useLanguage, type Key } from "./i18n";
import { tellLink, useLink } from "./live";
import { Jobs } from "./pages/jobs";
import { SignIn } from "./pages/signin";
import type { PageProps } from "./props";
import { to, usePlace } from "./route";
import { useTheme } from "./theme";
import type { Session } from "./types";
import { Button, Loading, Trouble, useAction } from "./ui";

/** Pages that are loaded when somebody goes there. */
const LATER: Record<string, () => Promise<ComponentType<PageProps>>> = {
  new: async () => (await import("./pages/new")).New,
  jobs: async () => (await import("./pages/job")).JobPlace,
  fleet: async () => (await import("./pages/fleet")).Fleet,
  webhooks: async () => (await import("./pages/webhooks")).Webhooks,
  tokens: async () => (await import("./pages/tokens")).Tokens,
};

function Later({ name, ...props }: PageProps & { name: string }) {
  const [page, setPage] = useState<{ name: string; Page: ComponentType<PageProps> }>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    setError(undefined);
    LATER[name]?.().then((Page) => setPage({ name, Page }), setError);
  }, [name]);
  if (error) return <Trouble error={error} again={() => window.location.reload()} />;
  if (page?.name !== name) return <Loading />;
  return <page.Page {...props} />;
}

function Content(props: PageProps) {
  const [first, second] = props.place.path;
  // Before the page's own effects, which follow what it shows.
  const at = props.place.path.join("/");
  useMemo(() => tellLink("none"), [at]);
  if (!first || (first === "jobs" && !second)) return <Jobs {...props} />;
  if (first in LATER) return <Later name={first} {...props} />;
  return <div class="empty"><p class="empty-title">{t("nowhere")}</p><a href={to("jobs")}>{t("nav.jobs")}</a></div>;
}

const PLACES: { path: string; key: Key; admin?: boolean }[] = [
  { path: "jobs", key: "nav.jobs" },
  { path: "new", key: "nav.new" },
  { path: "fleet", key: "nav.fleet" },
  { path: "webhooks", key: "nav.webhooks", admin: true },
  { path: "tokens", key: "nav.tokens", admin: true },
];

function Navigation({ here, session }: { here: string; session: Session }) {
  const shown = PLACES.filter((place) => !place.admin || session.scopes.includes("admin"));
  return (
    <nav class="nav" aria-label={t("nav")}>
      {shown.map(({ path, key }) => (
        <a href={to(path)} aria-current={here === path ? "page" : undefined}>{t(key)}</a>
      ))}
    </nav>
  );
}

function Settings({ session }: { session: Session }) {
  const language = useLanguage();
  const [theme, setTheme] = useTheme();
  const link = useLink();
  const leaving = useAction();
  return (
    <div class="settings">
      <span class={`link is-${link}`} role="status">{link !== "none" && t(`link.${link}`)}</span>
      <label class="setting"><span class="hidden">{t("theme")}</span>
        <select value={theme} onChange={(event) => setTheme(event.currentTarget.value)}>
          {(["system", "light", "dark"] as const).map((name) => <option value={name}>{t(`theme.${name}`)}</option>)}
        </select>
      </label>
      <label class="setting"><span class="hidden">{t("language")}</span>
        <select value={language} onChange={(event) => setLanguage(event.currentTarget.value === "zh" ? "zh" : "en")}>
          <option value="en" lang="en">English</option>
          <option value="zh" lang="zh-Hans">中文</option>
        </select>
      </label>
      <p class="who" title={session.token ?? ""}>{session.tenant}{!session.token && <small> · {t("owner")}</small>}</p>
      {session.csrf && <Button kind="quiet" disabled={leaving.busy} onClick={() => leaving.run(signOut)}>{t("signout")}</Button>}
    </div>
  );
}

export function App() {
  useLanguage();
  const place = usePlace();
  const [session, setSession] = useState<Session | null>();
  const [error, setError] = useState<unknown>();
  const main = useRef<HTMLElement>(null);
  const here = place.path[0] ?? "jobs";
  const at = place.path.join("/");

  const read = () => {
    setError(undefined);
    readSession().then(setSession, setError);
  };
  useEffect(() => {
    onSignedOut(() => setSession(null));
    read();
  }, []);
  // Who goes to another page by the keyboard goes on at its beginning.
  const seen = useRef(at);
  useEffect(() => {
    if (seen.current === at) return;
    seen.current = at;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [at]);
  const current = PLACES.find((one) => one.path === here);
  useEffect(() => {
    document.title = `${current ? t(current.key) : t("nowhere")} · Medley`;
  });

  if (error) return <main class="alone"><Trouble error={error} again={read} /></main>;
  if (session === undefined) return <main class="alone"><Loading /></main>;
  if (session === null) return <SignIn signedIn={setSession} />;
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>{t("skip")}</a>
      <header class="side">
        <a class="brand" href={to("jobs")}><img src="/assets/icon.svg" alt="" width="24" height="24" />Medley</a>
        <Navigation here={here} session={session} />
        <Settings session={session} />
      </header>
      <main class="main" id="main" ref={main} tabIndex={-1}>
        <Content place={place} session={session} />
      </main>
    </div>
  );
}
