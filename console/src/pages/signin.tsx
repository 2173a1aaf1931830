import { useState } from "preact/hooks";
import { signIn } from "../api";
import { t } from "../i18n";
import type { Session } from "../types";
import { Button, Trouble, useAction } from "../ui";

export function SignIn({ signedIn }: { signedIn: (session: Session) => void }) {
  const [token, setToken] = useState("");
  const { busy, error, run } = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void run(async () => signedIn(await signIn(token)));
  };
  return (
    <main class="alone">
      <form class="signin panel" onSubmit={submit}>
        <h1 class="brand"><img src="/assets/icon.svg" alt="" width="28" height="28" />Medley</h1>
        <label class="field">
          <span class="label">{t("signin.token")}</span>
          <input type="password" value={token} autocomplete="current-password" autofocus required spellcheck={false}
            placeholder="mdl_…" onInput={(event) => setToken(event.currentTarget.value)} />
          <span class="help">{t("signin.help")}</span>
        </label>
        <code class="hint">medley token create NAME</code>
        {error !== undefined && <Trouble error={error} />}
        <Button kind="primary" type="submit" disabled={busy || token.trim() === ""}>{t("signin")}</Button>
      </form>
    </main>
  );
}
