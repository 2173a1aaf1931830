//! An S3 server of one's own in this process, on a free port, with faults on demand.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::objects::Objects;

pub const ACCESS_KEY: &str = "medley-test";
pub const SECRET_KEY: &str = "medley-test-secret";

/// A running server with an endpoint for each way in which a network treats it.
#[derive(Debug)]
pub struct Server {
    _folder: TempDir,
    objects: Objects,
    address: SocketAddr,
    next_bucket: AtomicUsize,
}

impl Server {
    /// The server that all tests of a process share; each takes a [`Server::bucket`].
    ///
    /// # Panics
    /// When no server can be started.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server on a thread of its own, which lives as long as the process.
    ///
    /// # Panics
    /// When no server can be started.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("medley-s3-").tempdir().expect("a folder in /tmp");
        let objects = Objects::new(folder.path().to_owned());
        let served = objects.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime can be built");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
                let _ = tell.send(listener.local_addr().expect("a bound socket has an address"));
                let mut builder = S3ServiceBuilder::new(served);
                builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
                let service = builder.build();
                let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                while let Ok((socket, _)) = listener.accept().await {
                    let connection = http.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
                    tokio::spawn(async move { drop(connection.await) });
                }
            });
        };
        std::thread::Builder::new().name("s3".into()).spawn(serve).expect("a thread can be started");
        let address = told.recv().expect("the server starts");
        Self { _folder: folder, objects, address, next_bucket: AtomicUsize::new(0) }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A bucket that nobody else uses.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn bucket(&self) -> String {
        let name = format!("bucket-{}", self.next_bucket.fetch_add(1, Ordering::Relaxed));
        self.objects.make_bucket(&name).expect("the folder can be written to");
        name
    }
}

impl Server {
    /// Puts an object where the server finds it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn place(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.objects.place(bucket, key, bytes).expect("the folder can be written to");
    }
}

/// A network in front of a server that can be told to fail: at the nth request from now on, however fast they come.
#[derive(Debug, Clone)]
pub struct Network {
    address: SocketAddr,
    faults: Arc<Faults>,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its connection is cut before the server hears of it.
    Cut,
    /// It is answered 503 SlowDown.
    Busy,
    /// Its connection is cut after so many bytes of the answer.
    Tear(usize),
    /// All connections are cut, whatever they are at.
    HangUp,
}

#[derive(Debug, Default)]
struct Faults {
    plan: Mutex<Plan>,
    hang_up: Notify,
}

#[derive(Debug, Default)]
struct Plan {
    requests: usize,
    /// By the number of the request that meets it.
    due: BTreeMap<usize, Fault>,
}

impl Network {
    /// Listens on a free port and passes connections on to `server`.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn before(server: &str) -> Self {
        let server = server.strip_prefix("http://").unwrap_or(server).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let network = Self { address, faults: Arc::default() };
        let faults = Arc::clone(&network.faults);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(pass(socket, server.clone(), Arc::clone(&faults)));
            }
        });
        network
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests, one after the other, meet this.
    pub fn next(&self, fault: Fault, requests: usize) {
        self.strew(std::iter::repeat_n((0, fault), requests));
    }

    /// Each fault comes after so many requests without one.
    pub fn strew(&self, faults: impl IntoIterator<Item = (usize, Fault)>) {
        let mut plan = self.faults.plan();
        let mut at = plan.requests;
        for (after, fault) in faults {
            at += after + 1;
            plan.due.insert(at, fault);
        }
    }

    /// How many faults no request has met yet.
    pub fn to_come(&self) -> usize {
        self.faults.plan().due.len()
    }
}

impl Faults {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the request that begins now meets.
    fn of_next_request(&self) -> Option<Fault> {
        let mut plan = self.plan();
        plan.requests += 1;
        let number = plan.requests;
        plan.due.remove(&number)
    }
}

async fn pass(client: TcpStream, server: String, faults: Arc<Faults>) {
    tokio::select! {
        () = faults.hang_up.notified() => {}
        () = serve(client, server, &faults) => {}
    }
}

/// Passes bytes on until one side hangs up or a fault says so. A client sends one request after the other: what comes
/// after an answer begins the next one.
async fn serve(mut client: TcpStream, server: String, faults: &Faults) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut answering = true;
    let mut left = usize::MAX;
    loop {
        tokio::select! {
            count = client.read(&mut asked) => {
                let Ok(count @ 1..) = count else { return };
                if answering {
                    answering = false;
                    match faults.of_next_request() {
                        None => {}
                        Some(Fault::Cut) => return,
                        Some(Fault::Busy) => return be_busy(&mut client).await,
                        Some(Fault::HangUp) => return faults.hang_up.notify_waiters(),
                        Some(Fault::Tear(bytes)) => left = bytes,
                    }
                }
                if server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
            }
            count = server.read(&mut answered) => {
                let Ok(count @ 1..) = count else { return };
                answering = true;
                let passed = count.min(left);
                if client.write_all(&answered[..passed]).await.is_err() || passed < count {
                    return;
                }
                left = left.saturating_sub(if left == usize::MAX { 0 } else { passed });
            }
        }
    }
}

async fn be_busy(client: &mut TcpStream) {
    let body = "<Error><Code>SlowDown</Code><Message>slow down</Message></Error>";
    let head = "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length";
    let _ = client.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    // A connection that is closed with unread bytes is reset, and the answer may be lost with it.
    let _ = client.shutdown().await;
    let _ = tokio::io::copy(client, &mut tokio::io::sink()).await;
}
