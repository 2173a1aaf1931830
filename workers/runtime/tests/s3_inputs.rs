//! Inputs from buckets: keys that others chose, and servers that mean no good.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

use medley_net::Address;
use medley_proto::{ErrorCode, Name};
use medley_runtime::{
    Backend, Client, InputRequest, Request, Settings,
    fetch::{Fetcher, S3Fetcher},
    queue::SqliteQueue,
    store::{FileStore, S3Config},
};
use medley_step::{
    Recipe, Registry, StepContext, StepError, Worker,
    graph::{Draft, Fragment, One, Scope, Whole},
};
use medley_tests::s3::{ACCESS_KEY, SECRET_KEY, Server};

fn config(endpoint: String) -> S3Config {
    S3Config {
        endpoint: Some(endpoint),
        path_style: true,
        access_key: Some(ACCESS_KEY.into()),
        secret_key: Some(SECRET_KEY.into()),
        ..S3Config::default()
    }
}

const ODD: [&str; 8] = [
    "a/plain.png",
    "a/#1.png",
    "a/what?.png",
    "a/100%.png",
    "a/%41.png",
    "a//double.png",
    "a/1 + 1 = 2 & more.png",
    "a/录音: \"<|>\\.png",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_any_letters_are_read_and_listed() {
    let server = Server::shared();
    let bucket = server.bucket();
    let keys = || ODD.into_iter().chain(["/begins.png", "ends//"]);
    for key in keys() {
        server.place(&bucket, key, format!("bytes of {key}").as_bytes());
    }
    let fetcher = S3Fetcher::new(config(server.endpoint()), [format!("s3://{bucket}")]);
    let folder = tempfile::tempdir().unwrap();
    for key in keys() {
        let into = folder.path().join("input");
        fetcher.fetch(&Address::new(format!("s3://{bucket}/{key}")), &into, 1 << 20).await.unwrap();
        assert_eq!(std::fs::read_to_string(&into).unwrap(), format!("bytes of {key}"));
    }
    for (prefix, expected) in [("a/", ODD.len()), ("a//", 1), ("/", 1)] {
        let page = fetcher.list(&Address::new(format!("s3://{bucket}/{prefix}")), None).await.unwrap();
        assert_eq!(page.files.len(), expected, "{prefix}: {page:?}");
    }
    for missing in ["a/no#.png", "a/no?.png", "a//no.png"] {
        let address = Address::new(format!("s3://{bucket}/{missing}"));
        let error = fetcher.fetch(&address, &folder.path().join("none"), 1 << 20).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::INPUT_NOT_FOUND);
        assert!(error.to_string().contains(missing), "{error}");
    }
    let outside = Address::new(format!("s3://{bucket}/a/../secret"));
    let error = fetcher.fetch(&outside, &folder.path().join("none"), 1 << 20).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::INPUT_FORBIDDEN);
}

/// A server that answers every request with the head of a good answer and what `body` writes, for the name after which it is
/// asked.
fn server(body: impl Fn(&str, &mut dyn Write) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let body = Arc::new(body);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, body) = (stream.unwrap(), body.clone());
            thread::spawn(move || {
                let mut head = [0; 8192];
                let count = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..count]).into_owned();
                let after = head.split("start-after=").nth(1).and_then(|rest| rest.split(['&', ' ']).next());
                let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\nconnection: close\r\n\r\n");
                body(after.unwrap_or_default(), &mut stream);
            });
        }
    });
    endpoint
}

fn page(names: impl Iterator<Item = String>) -> String {
    let mut xml = String::from("<ListBucketResult><IsTruncated>true</IsTruncated>");
    for name in names {
        let _ = write!(xml, "<Contents><Key>p/{name}</Key><Size>1</Size><ETag>x</ETag></Contents>");
    }
    xml + "</ListBucketResult>"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_an_end_is_not_read_to_memory() {
    let endpoint = server(|_, stream| {
        let part = page((0..1_000).map(|n| n.to_string())).replace("</ListBucketResult>", "");
        while stream.write_all(part.as_bytes()).is_ok() {}
    });
    let fetcher = S3Fetcher::new(config(endpoint), ["s3://bucket".to_owned()]);
    let error = fetcher.list(&"s3://bucket/p/".into(), None).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::MEDIA_TOO_LARGE, "{error:?}");
    assert!(error.to_string().starts_with("s3://bucket/p/: "), "{error}");
}

struct Look;

impl Worker for Look {
    const KIND: &'static str = "look";
    type Config = ();
    type Params = ();
    type Output = ();

    fn build((): (), _: &medley_step::BuildContext) -> Result<Self, medley_step::BuildError> {
        Ok(Self)
    }

    fn run(&self, (): (), _: &StepContext) -> Result<(), StepError> {
        Ok(())
    }
}

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default)]
struct NoParams {}

struct Album;

impl Recipe for Album {
    const KIND: &'static str = "album";
    const ABOUT: &'static str = "looks at a folder";
    const TAKES_FOLDER: bool = true;
}

impl Fragment for Album {
    type Params = NoParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, NoParams>) -> One<()> {
        g.one("look", (), |_, ()| Ok(Draft::of(Whole::<Look>(()))))
    }
}

async fn submit(endpoint: String) -> medley_runtime::Error {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(&folder.path().join("queue.db")).await.unwrap();
    let store = FileStore::open(&folder.path().join("store")).await.unwrap();
    let registry = Registry::default().worker::<Look>().recipe::<Album>();
    let mut settings = Settings::default();
    settings.limits.folder_files = 10_000;
    let fetcher: Arc<dyn Fetcher> = Arc::new(S3Fetcher::new(config(endpoint), ["s3://bucket".to_owned()]));
    let backend = Backend::new(Arc::new(queue), Arc::new(store), Arc::new(registry), settings).with_fetchers([fetcher]);
    let client = Client::new(backend);
    let mut request = Request::new(Name::from_static("test"), Name::from_static("album"));
    request.inputs.push(InputRequest::Uri("s3://bucket/p/".into()));
    client.submit(request).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_in_circles_ends() {
    let error = submit(server(|_, stream| {
        let _ = stream.write_all(page((0..10).map(|n| n.to_string())).as_bytes());
    }))
    .await;
    assert_eq!(error.code(), ErrorCode::INPUT_NOT_FOUND, "{error:?}");
    assert!(error.to_string().contains("in circles"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_without_an_end_ends() {
    let error = submit(server(|after, stream| {
        let from = after.rsplit("%2F").next().and_then(|n| n.parse::<u64>().ok()).map_or(0, |n| n + 1);
        let _ = stream.write_all(page((from..from + 1_000).map(|n| format!("{n:012}"))).as_bytes());
    }))
    .await;
    assert_eq!(error.code(), ErrorCode::MEDIA_TOO_LARGE, "{error:?}");
    assert!(error.to_string().contains("limits.folder_files"), "{error}");
}
