// Who may what: the tenant's tokens.
import { useState } from "preact/hooks";
import type { PageProps } from "../props";
import { get, send, signIn } from "../api";
import { t } from "../i18n";
import type { Page, Scope, Token } from "../types";
import { Button, Code, Confirm, Empty, Loading, Notice, Panel, Time, Trouble, useAction, useLoaded } from "../ui";

const SCOPES: Scope[] = ["read", "submit", "admin"];
const DAY_S = 86_400;

function Make({ made }: { made: (token: string) => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["read", "submit"]);
  const [days, setDays] = useState("90");
  const { busy, error, run } = useAction();
  const toggle = (scope: Scope, on: boolean) => setScopes(SCOPES.filter((one) => (one === scope ? on : scopes.includes(one))));
  const make = (event: Event) => {
    event.preventDefault();
    void run(async () => {
      const expires = days === "" ? {} : { expires_in_s: Number(days) * DAY_S };
      made((await send<{ token: string }>("POST", "/v1/tokens", { name, scopes, ...expires })).token);
      setName("");
    });
  };
  return (
    <form class="panel" onSubmit={make} aria-label={t("token.make")}>
      <div class="row">
        <label class="field inline"><span class="label">{t("name")}</span><input required maxLength={100} value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <fieldset class="row"><legend class="hidden">{t("scopes")}</legend>
          {SCOPES.map((scope) => <label class="check"><input type="checkbox" checked={scopes.includes(scope)} onChange={(event) => toggle(scope, event.currentTarget.checked)} />{t(`scope.${scope}.name`)}</label>)}
        </fieldset>
        <label class="field inline"><span class="label">{t("token.days")}</span><input type="number" min={1} max={3650} value={days} placeholder="∞" onInput={(event) => setDays(event.currentTarget.value)} /></label>
        <Button kind="primary" type="submit" disabled={busy || name.trim() === "" || scopes.length === 0}>{t("token.make")}</Button>
      </div>
      {error !== undefined && <Trouble error={error} />}
    </form>
  );
}

export function Tokens({ session }: PageProps) {
  const read = useLoaded((signal) => get<Page<Token>>("/v1/tokens", signal), []);
  const [secret, setSecret] = useState<string>();
  const [asked, ask] = useState<{ token: Token; act: "rotate" | "revoke" }>();
  const { busy, error, run } = useAction();
  const made = (token: string) => run(async () => {
    setSecret(token);
    // From the first token on the gateway asks everyone for one, this page too.
    if (!session.token) await signIn(token);
    read.reload();
  });
  const rotate = (token: Token) => run(async () => {
    ask(undefined);
    setSecret((await send<{ token: string }>("POST", `/v1/tokens/${token.id}/rotate`, {})).token);
    read.reload();
  });
  const revoke = (token: Token) => run(async () => {
    ask(undefined);
    await send("DELETE", `/v1/tokens/${token.id}`);
    read.reload();
  });
  return (
    <>
      <div class="page-head"><h1>{t("nav.tokens")}</h1></div>
      {!session.token && <Notice tone="warn">{t("token.first")}</Notice>}
      <Make made={made} />
      {secret && <Panel title={t("secret")}><p>{t("secret.once")}</p><Code text={secret} label={t("secret")} /></Panel>}
      {error !== undefined && <Trouble error={error} />}
      {read.error !== undefined && <Trouble error={read.error} again={read.reload} />}
      {!read.value && read.error === undefined && <Loading />}
      {read.value?.data.length === 0 && <Empty title={t("tokens.none")} />}
      {read.value && read.value.data.length > 0 && (
        <div class="scroll"><table class="table">
          <thead><tr><th>{t("name")}</th><th>{t("scopes")}</th><th>{t("created")}</th><th>{t("ends")}</th><th><span class="hidden">{t("actions")}</span></th></tr></thead>
          <tbody>
            {read.value.data.map((token) => (
              <tr key={token.id}>
                <td><bdi>{token.name}</bdi>{token.id === session.token && <span class="badge is-running">{t("token.this")}</span>}<span class="sub"><code>{token.id}</code></span></td>
                <td>{token.scopes.map((scope) => t(`scope.${scope}.name`)).join(", ")}</td>
                <td><Time ms={token.created_ms} /></td>
                <td>{token.revoked_ms ? <span class="badge is-failed">{t("revoked")}</span> : token.expires_ms ? new Date(token.expires_ms).toLocaleDateString() : t("never")}</td>
                <td class="num">{!token.revoked_ms && <span class="row end">
                  <Button disabled={busy} onClick={() => ask({ token, act: "rotate" })}>{t("rotate")}</Button>
                  <Button kind="danger" disabled={busy} onClick={() => ask({ token, act: "revoke" })}>{t("revoke")}</Button></span>}</td>
              </tr>
            ))}
          </tbody>
        </table></div>
      )}
      {asked && (
        <Confirm title={`${t(asked.act)}: ${asked.token.name}`} yes={t(asked.act)} danger onNo={() => ask(undefined)}
          onYes={() => (asked.act === "rotate" ? rotate(asked.token) : revoke(asked.token))}>
          <p>{t(`${asked.act}.help`)}</p>
        </Confirm>
      )}
    </>
  );
}
