//! A gateway on a socket, and what it lets in.

use std::{collections::BTreeSet, io::Cursor, sync::Arc, time::Duration};

use medley_proto::Name;
use medley_runtime::{
    Backend, Client, Settings, TenantSettings, queue::SqliteQueue, records::SqliteRecords, store::FileStore,
};
use medley_step::Registry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{NewToken, Scope, Token, TokenInfo, Tokens};
use crate::{Gateway, GatewayError, GatewaySettings};

const OWNER: Name = Name::from_static("owner");

struct World {
    folder: tempfile::TempDir,
    client: Client,
}

impl World {
    async fn new(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = SqliteQueue::open(&folder.path().join("queue.db")).await.unwrap();
        let store = FileStore::open(&folder.path().join("store")).await.unwrap();
        let records = SqliteRecords::open(&folder.path().join("records.db")).await.unwrap();
        let backend = Backend::new(Arc::new(queue), Arc::new(store), Arc::new(Registry::default()), settings);
        let client = Client::new(backend.with_records(Arc::new(records)));
        Self { folder, client }
    }

    fn tokens(&self) -> Tokens {
        Tokens::new(self.client.records().clone(), self.client.backend().clock().clone())
    }

    async fn token(&self, tenant: &'static str, scopes: &[Scope]) -> (Token, TokenInfo) {
        let new = NewToken { name: "test".into(), scopes: scopes.iter().copied().collect(), expires_in: None };
        self.tokens().create(&Name::from_static(tenant), new).await.unwrap()
    }

    /// A gateway of its own over the same records.
    async fn serve(&self) -> Served {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let settings = GatewaySettings { tenant: Some(OWNER), ..GatewaySettings::default() };
        let gateway = Gateway::new(self.client.clone(), settings).unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving = tokio::spawn(async move { gateway.serve(listener, stopped).await });
        Served { address, stop, serving }
    }
}

struct Served {
    address: String,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<Result<(), GatewayError>>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// What a request sends beside its head.
enum Sent {
    Nothing,
    Json(Value),
    /// Of a length that is not told before.
    Pieces(Vec<u8>),
}

impl Served {
    async fn ask(&self, method: &str, path: &str, authorization: Option<&str>, sent: Sent) -> Answer {
        let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
        self.ask_with(method, path, &headers, sent).await
    }

    async fn ask_with(&self, method: &str, path: &str, headers: &[(&str, &str)], sent: Sent) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        tokio::task::spawn_blocking(move || {
            let config =
                ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20)));
            let agent: ureq::Agent = config.build().into();
            let request = request.header("content-type", "application/json");
            let answer = match sent {
                Sent::Nothing => agent.run(request.body(()).unwrap()),
                Sent::Json(body) => agent.run(request.body(body.to_string()).unwrap()),
                Sent::Pieces(bytes) => {
                    agent.run(request.body(ureq::SendBody::from_owned_reader(Cursor::new(bytes))).unwrap())
                }
            };
            let mut answer = answer.unwrap();
            let text = answer.body_mut().read_to_string().unwrap();
            let body = serde_json::from_str(&text).unwrap_or(Value::Null);
            Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
        })
        .await
        .unwrap()
    }

    async fn get(&self, path: &str, token: Option<&Token>) -> Answer {
        let authorization = token.map(|token| format!("Bearer {}", token.reveal()));
        self.ask("GET", path, authorization.as_deref(), Sent::Nothing).await
    }

    async fn make(&self, token: Option<&Token>, name: &str) -> Answer {
        let authorization = token.map(|token| format!("Bearer {}", token.reveal()));
        let body = json!({ "name": name, "scopes": ["read"] });
        self.ask("POST", "/v1/tokens", authorization.as_deref(), Sent::Json(body)).await
    }

    async fn end(self) {
        self.stop.cancel();
        self.serving.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_is_open_until_there_is_a_token() {
    let world = World::new(Settings::default()).await;
    let served = world.serve().await;
    for authorization in [None, Some("Bearer sk-anything"), Some("bearer x")] {
        let answer = served.ask("GET", "/v1/usage", authorization, Sent::Nothing).await;
        assert_eq!((answer.status, &answer.body["tenant"]), (200, &json!("owner")), "{authorization:?}");
    }
    let forged = Token::random(&OWNER);
    assert_eq!(served.get("/v1/usage", Some(&forged)).await.status, 401, "what is meant to be a token is looked at");

    let made = served.make(None, "first").await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("cache-control"), "no-store");
    let token = Token::parse(made.body["token"].as_str().unwrap()).unwrap();
    let shut = served.get("/v1/usage", None).await;
    assert_eq!((shut.status, shut.code()), (401, "token_missing"));
    assert_eq!(shut.header("www-authenticate"), "Bearer realm=\"medley\"");
    assert_eq!(served.get("/v1/usage", Some(&token)).await.status, 403, "it may read, and no more");
    served.end().await;
}

#[tokio::test]
async fn other_addresses_need_a_token() {
    let world = World::new(Settings::default()).await;
    let gateway = || Gateway::new(world.client.clone(), GatewaySettings::default()).unwrap();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = gateway().serve(listener, CancellationToken::new()).await;
    assert!(matches!(refused, Err(GatewayError::OpenToAll(_))), "{refused:?}");
    world.token("acme", &[Scope::Admin]).await;
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    gateway().serve(listener, stop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_opens_nothing_says_why() {
    let world = World::new(Settings::default()).await;
    let (admin, _) = world.token("acme", &[Scope::Admin]).await;
    let (reader, _) = world.token("acme", &[Scope::Read]).await;
    let served = world.serve().await;
    assert_eq!(served.get("/v1/tokens", Some(&admin)).await.status, 200);

    let mut mistyped = admin.reveal().to_owned();
    mistyped.replace_range(mistyped.len() - 1.., if mistyped.ends_with('a') { "b" } else { "a" });
    let unknown = Token::random(&Name::from_static("acme"));
    let forged = Token::with_id(&Name::from_static("acme"), admin.id().clone());
    let cases = [
        (None, 401, "token_missing"),
        (Some("Bearer".to_owned()), 401, "token_invalid"),
        (Some("Basic YWRtaW46YWRtaW4=".to_owned()), 401, "token_invalid"),
        (Some("Bearer eyJhbGciOiJub25lIn0.e30.".to_owned()), 401, "token_invalid"),
        (Some(format!("Bearer {mistyped}")), 401, "token_invalid"),
        (Some(format!("Bearer {}", unknown.reveal())), 401, "token_invalid"),
        (Some(format!("Bearer {}", forged.reveal())), 401, "token_invalid"),
        (Some(format!("Bearer {}", reader.reveal())), 403, "scope_missing"),
    ];
    for (authorization, status, code) in cases {
        let answer = served.ask("GET", "/v1/tokens", authorization.as_deref(), Sent::Nothing).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{authorization:?}");
        assert_eq!(answer.status == 401, answer.headers.contains_key("www-authenticate"));
        assert!(!answer.body.to_string().contains("mdl_acme"), "no answer repeats a token");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_see_nothing_of_each_other() {
    let world = World::new(Settings::default()).await;
    let (acme, of_acme) = world.token("acme", &[Scope::Admin]).await;
    let (other, of_other) = world.token("other", &[Scope::Admin]).await;
    let served = world.serve().await;
    assert_eq!(served.make(Some(&acme), "second").await.status, 201);

    let ids = async |token: &Token| {
        let listed = served.get("/v1/tokens", Some(token)).await.body;
        let ids = listed["data"].as_array().unwrap().iter().map(|token| token["id"].as_str().unwrap().to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(&other).await, [of_other.id.to_string()].into());
    assert_eq!(ids(&acme).await.len(), 2);
    let bearer = format!("Bearer {}", other.reveal());
    let stranger = format!("/v1/tokens/{}", of_acme.id);
    for (method, path) in [("DELETE", stranger.clone()), ("POST", format!("{stranger}/rotate"))] {
        let answer = served.ask(method, &path, Some(&bearer), Sent::Json(json!({}))).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
    assert_eq!(served.get("/v1/usage", Some(&acme)).await.body["tenant"], "acme", "still good");

    let log = served.get("/v1/audit", Some(&acme)).await.body;
    let entries = log["data"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{log}");
    let expected = json!({
        "at_ms": entries[0]["at_ms"], "token": of_acme.id, "action": "POST /v1/tokens", "path": "/v1/tokens",
        "status": 201, "from": "127.0.0.1", "request": entries[0]["request"],
    });
    let drop_null = |mut entry: Value| {
        entry.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        entry
    };
    assert_eq!(drop_null(entries[0].clone()), drop_null(expected));
    served.end().await;
    // What was refused to the other is written when the gateway has ended.
    let served = world.serve().await;
    let log = served.get("/v1/audit", Some(&other)).await.body;
    let tried: Vec<_> = log["data"].as_array().unwrap().iter().map(|entry| entry["status"].as_u64().unwrap()).collect();
    assert_eq!(tried, [404, 404], "{log}");
    served.end().await;
}

/// Two gateways: what one of them does is known to the other in time, and at once where it was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_rotated_and_revoked_over_http() {
    let world = World::new(Settings::default()).await;
    let (admin, _) = world.token("acme", &[Scope::Admin]).await;
    let (first, info) = world.token("acme", &[Scope::Admin]).await;
    let served = world.serve().await;
    let bearer = format!("Bearer {}", admin.reveal());
    let path = format!("/v1/tokens/{}", info.id);
    assert_eq!(served.get("/v1/usage", Some(&first)).await.status, 200);
    let rotated =
        served.ask("POST", &format!("{path}/rotate"), Some(&bearer), Sent::Json(json!({ "grace_s": 0 }))).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let second = Token::parse(rotated.body["token"].as_str().unwrap()).unwrap();
    assert_eq!(served.get("/v1/usage", Some(&first)).await.status, 401);
    assert_eq!(served.get("/v1/usage", Some(&second)).await.status, 200);
    for _ in 0..2 {
        assert_eq!(served.ask("DELETE", &path, Some(&bearer), Sent::Nothing).await.status, 204);
        assert_eq!(served.get("/v1/usage", Some(&second)).await.status, 401);
    }
    let refused = served.ask("POST", &format!("{path}/rotate"), Some(&bearer), Sent::Json(json!({}))).await;
    assert_eq!((refused.status, refused.code()), (422, "token_refused"));
    served.end().await;
}

/// A token becomes a cookie; what changes something by it needs the header that only the console's own page knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_a_token_that_scripts_cannot_read() {
    let world = World::new(Settings::default()).await;
    let (admin, info) = world.token("acme", &[Scope::Admin]).await;
    let served = world.serve().await;
    let session = served.get("/v1/session", None).await;
    assert_eq!((session.status, session.code()), (401, "token_missing"));
    let refused =
        served.ask("POST", "/v1/session", None, Sent::Json(json!({ "token": Token::random(&OWNER).reveal() }))).await;
    assert_eq!((refused.status, refused.code()), (401, "token_invalid"));

    let opened = served.ask("POST", "/v1/session", None, Sent::Json(json!({ "token": admin.reveal() }))).await;
    assert_eq!((opened.status, &opened.body["tenant"]), (201, &json!("acme")));
    assert!(!opened.body.to_string().contains("mdl_"), "{opened:?}");
    let set = opened.header("set-cookie");
    assert!(set.contains("HttpOnly; SameSite=Strict") && !set.contains("Secure"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    let csrf = opened.body["csrf"].as_str().unwrap().to_owned();
    let (cookie, proof) = (("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str()));
    let behind_tls = served
        .ask_with(
            "POST",
            "/v1/session",
            &[("x-forwarded-proto", "https")],
            Sent::Json(json!({ "token": admin.reveal() })),
        )
        .await;
    assert!(behind_tls.header("set-cookie").ends_with("; Secure"));

    assert_eq!(served.ask_with("GET", "/v1/usage", &[cookie], Sent::Nothing).await.body["tenant"], "acme");
    let seen = served.ask_with("GET", "/v1/session", &[cookie], Sent::Nothing).await;
    assert_eq!((&seen.body["csrf"], &seen.body["token"]), (&json!(csrf), &json!(info.id)));
    let make = || Sent::Json(json!({ "name": "made in the console", "scopes": ["read"] }));
    for headers in [vec![cookie], vec![cookie, ("x-csrf-token", "made-up")]] {
        let refused = served.ask_with("POST", "/v1/tokens", &headers, make()).await;
        assert_eq!((refused.status, refused.code()), (403, "csrf_missing"), "{headers:?}");
        let refused = served.ask_with("DELETE", "/v1/session", &headers, Sent::Nothing).await;
        assert_eq!((refused.status, refused.code()), (403, "csrf_missing"), "{headers:?}");
    }
    let foreign = [cookie, proof, ("origin", "https://evil.example")];
    assert_eq!(served.ask_with("POST", "/v1/tokens", &foreign, make()).await.code(), "origin_foreign");
    assert_eq!(served.ask_with("POST", "/v1/tokens", &[cookie, proof], make()).await.status, 201);

    let out = served.ask_with("DELETE", "/v1/session", &[cookie, proof], Sent::Nothing).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    let over = served.ask_with("GET", "/v1/usage", &[cookie], Sent::Nothing).await;
    assert_eq!((over.status, over.code()), (401, "session_over"));
    served.end().await;
}

/// A session ends with its token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_its_token() {
    let world = World::new(Settings::default()).await;
    let (admin, _) = world.token("acme", &[Scope::Admin]).await;
    let bearer = format!("Bearer {}", admin.reveal());
    let served = world.serve().await;
    for act in ["rotate", "revoke"] {
        let (token, info) = world.token("acme", &[Scope::Read]).await;
        let opened = served.ask("POST", "/v1/session", None, Sent::Json(json!({ "token": token.reveal() }))).await;
        let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
        let headers = [("cookie", cookie.as_str())];
        let look = || served.ask_with("GET", "/v1/kinds", &headers, Sent::Nothing);
        assert_eq!(look().await.status, 200);
        let path = format!("/v1/tokens/{}", info.id);
        match act {
            "rotate" => served.ask("POST", &format!("{path}/rotate"), Some(&bearer), Sent::Json(json!({}))).await,
            _ => served.ask("DELETE", &path, Some(&bearer), Sent::Nothing).await,
        };
        let over = look().await;
        assert_eq!((over.status, over.code()), (401, "session_over"), "{act}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_has_so_many_bytes() {
    const LIMIT: u64 = 2_000;
    let mut settings = Settings::default();
    let agreed = TenantSettings { max_bytes_a_day: Some(LIMIT), ..TenantSettings::default() };
    settings.tenants.insert(Name::from_static("acme"), agreed);
    let world = World::new(settings).await;
    let (acme, _) = world.token("acme", &[Scope::Admin]).await;
    let (other, _) = world.token("other", &[Scope::Admin]).await;
    let (served, second) = (world.serve().await, world.serve().await);
    let bearer = format!("Bearer {}", acme.reveal());
    let long = "x".repeat(LIMIT as usize);

    let small = served.make(Some(&acme), "small").await;
    assert_eq!(small.status, 201);
    assert!(small.header("ratelimit-policy").contains("\"bytes\";q=2000;w=86400"), "{small:?}");
    let used = LIMIT - left(&small);
    assert!((1..200).contains(&used), "{small:?}");

    for sent in [Sent::Json(json!({ "name": long, "scopes": [] })), Sent::Pieces(long.clone().into_bytes())] {
        let refused = served.ask("POST", "/v1/tokens", Some(&bearer), sent).await;
        assert_eq!((refused.status, refused.code()), (429, "quota_exceeded"), "{refused:?}");
        assert_eq!(refused.body["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
        assert_eq!(refused.body["violated-policies"], json!(["bytes"]));
        assert_eq!(refused.header("retry-after"), "60");
    }
    assert_ne!(served.make(Some(&other), &long).await.status, 429, "another tenant's day is its own");
    let after = served.make(Some(&acme), "after").await;
    assert_eq!(after.status, 201, "what was refused took nothing: {after:?}");
    let told = served.get("/v1/usage", Some(&acme)).await;
    assert_eq!(told.body["data"][0]["received_bytes"], LIMIT - left(&after));
    assert_eq!(told.body["quotas"], json!({ "max_bytes_a_day": LIMIT }));

    // What the first gateway counted, the second knows when it reads the records.
    served.end().await;
    let told = second.get("/v1/usage", Some(&acme)).await;
    assert_eq!(told.body["data"][0]["received_bytes"], LIMIT - left(&after), "{told:?}");
    second.end().await;
    assert!(world.folder.path().join("records.db").exists());
}

/// What `RateLimit` says is left of the day's bytes.
fn left(answer: &Answer) -> u64 {
    let bytes = answer.header("ratelimit").split("\"bytes\";r=").nth(1).unwrap();
    bytes.split(';').next().unwrap().parse().unwrap()
}
