// Addresses that hear how jobs end, and what became of each message.
import { useState } from "preact/hooks";
import type { PageProps } from "../props";
import { get, send } from "../api";
import { maybe, t } from "../i18n";
import type { Delivery, Page, Webhook } from "../types";
import { Button, Code, Confirm, Empty, Loading, Notice, Panel, Time, Trouble, useAction, useLoaded } from "../ui";

function Deliveries({ webhook }: { webhook: Webhook }) {
  const read = useLoaded((signal) => get<Page<Delivery>>(`/v1/webhooks/${webhook.id}/deliveries`, signal), [webhook.id]);
  const { busy, error, run } = useAction();
  const replay = (delivery: Delivery) => run(async () => {
    await send("POST", `/v1/webhooks/${webhook.id}/deliveries/${delivery.id}/replay`);
    read.reload();
  });
  if (read.error !== undefined) return <Trouble error={read.error} again={read.reload} />;
  if (!read.value) return <Loading />;
  if (read.value.data.length === 0) return <Empty title={t("deliveries.none")} />;
  return (
    <>
      {error !== undefined && <Trouble error={error} />}
      <div class="scroll"><table class="table">
        <thead><tr><th>{t("event")}</th><th>{t("state")}</th><th>{t("tries")}</th><th>{t("when")}</th><th><span class="hidden">{t("actions")}</span></th></tr></thead>
        <tbody>
          {read.value.data.map((delivery) => {
            const last = delivery.tries.at(-1);
            return (
              <tr key={delivery.id}><td>{delivery.event}</td><td>{maybe(`delivery.${delivery.state}`, delivery.state)}</td>
                <td>{delivery.count} <span class="sub"><bdi>{last?.status ?? ""} {last?.problem ?? ""}</bdi></span></td><td><Time ms={delivery.created_ms} /></td>
                <td class="num"><Button disabled={busy} onClick={() => replay(delivery)}>{t("replay")}</Button></td></tr>
            );
          })}
        </tbody>
      </table></div>
      <Button onClick={read.reload}>{t("read.again")}</Button>
    </>
  );
}

function One({ webhook, changed }: { webhook: Webhook; changed: () => void }) {
  const { busy, error, run } = useAction();
  const [asked, ask] = useState(false);
  const [open, setOpen] = useState(false);
  const [tested, setTested] = useState(false);
  const act = (what: () => Promise<unknown>) => run(async () => { await what(); changed(); });
  return (
    <Panel title={webhook.url} extra={
      <>
        <span class={`badge ${webhook.enabled ? "is-succeeded" : "is-warn"}`}>{webhook.enabled ? t("on") : t("off")}</span>
        <Button disabled={busy} onClick={() => run(async () => { await send("POST", `/v1/webhooks/${webhook.id}/test`); setTested(true); })}>{t("test")}</Button>
        <Button disabled={busy} onClick={() => act(() => send("PATCH", `/v1/webhooks/${webhook.id}`, { enabled: !webhook.enabled }))}>{webhook.enabled ? t("switch.off") : t("switch.on")}</Button>
        <Button kind="danger" disabled={busy} onClick={() => ask(true)}>{t("delete")}</Button>
      </>
    }>
      {webhook.description && <p><bdi>{webhook.description}</bdi></p>}
      {webhook.disabled_by && <Notice tone="warn"><span lang="en">{webhook.disabled_by}</span></Notice>}
      {tested && <Notice tone="good">{t("tested")}</Notice>}
      {error !== undefined && <Trouble error={error} />}
      <p class="sub">{webhook.events.length > 0 ? webhook.events.join(", ") : t("events.all")}</p>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}><summary>{t("deliveries")}</summary>{open && <Deliveries webhook={webhook} />}</details>
      {asked && <Confirm title={t("webhook.delete")} yes={t("delete")} danger onYes={() => act(() => send("DELETE", `/v1/webhooks/${webhook.id}`))} onNo={() => ask(false)}><p><bdi>{webhook.url}</bdi></p></Confirm>}
    </Panel>
  );
}

export function Webhooks(_: PageProps) {
  const read = useLoaded((signal) => get<Page<Webhook>>("/v1/webhooks", signal), []);
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState<string>();
  const { busy, error, run } = useAction();
  const make = (event: Event) => {
    event.preventDefault();
    void run(async () => {
      setSecret((await send<{ secret: string }>("POST", "/v1/webhooks", { url })).secret);
      setUrl("");
      read.reload();
    });
  };
  return (
    <>
      <div class="page-head"><h1>{t("nav.webhooks")}</h1></div>
      <form class="row" onSubmit={make}>
        <label class="field inline"><span class="label">{t("address")}</span><input type="url" required size={36} value={url} placeholder="https://…" onInput={(event) => setUrl(event.currentTarget.value)} /></label>
        <Button kind="primary" type="submit" disabled={busy || url === ""}>{t("webhook.add")}</Button>
      </form>
      {error !== undefined && <Trouble error={error} />}
      {secret && <Panel title={t("secret")}><p>{t("secret.once")}</p><Code text={secret} label={t("secret")} /></Panel>}
      {read.error !== undefined && <Trouble error={read.error} again={read.reload} />}
      {!read.value && read.error === undefined && <Loading />}
      {read.value?.data.length === 0 && <Empty title={t("webhooks.none")}><p>{t("webhooks.none.help")}</p></Empty>}
      {read.value?.data.map((webhook) => <One key={webhook.id} webhook={webhook} changed={read.reload} />)}
    </>
  );
}
