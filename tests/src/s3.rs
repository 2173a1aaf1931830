//! An S3 server of one's own in this process, on a free port, with faults on demand.

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
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

/// A network in front of a server that can be told to fail.
#[derive(Debug, Clone)]
pub struct Network {
    address: SocketAddr,
    faults: Arc<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    cut: AtomicUsize,
    answer_503: AtomicUsize,
    tear_after: AtomicUsize,
    hang_up: Notify,
    /// Faults that a connection has met.
    met: AtomicUsize,
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

    /// All connections are cut, whatever they are at.
    pub fn hang_up(&self) {
        self.faults.hang_up.notify_waiters();
    }

    /// How many connections were cut, torn or answered 503.
    pub fn faults_met(&self) -> usize {
        self.faults.met.load(Ordering::Relaxed)
    }

    /// The next connections are cut at once.
    pub fn cut(&self, connections: usize) {
        self.faults.cut.store(connections, Ordering::Relaxed);
    }

    /// The next connections are answered 503 SlowDown.
    pub fn slow_down(&self, connections: usize) {
        self.faults.answer_503.store(connections, Ordering::Relaxed);
    }

    /// The next connection is cut after so many bytes of the answer.
    pub fn tear_after(&self, bytes: usize) {
        self.faults.tear_after.store(bytes, Ordering::Relaxed);
    }
}

impl Faults {
    fn take_one(&self, counter: &AtomicUsize) -> bool {
        let taken = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        self.met.fetch_add(usize::from(taken), Ordering::Relaxed);
        taken
    }
}

async fn pass(client: TcpStream, server: String, faults: Arc<Faults>) {
    tokio::select! {
        () = faults.hang_up.notified() => drop(faults.met.fetch_add(1, Ordering::Relaxed)),
        () = serve(client, server, &faults) => {}
    }
}

async fn serve(mut client: TcpStream, server: String, faults: &Faults) {
    if faults.take_one(&faults.cut) {
        return;
    }
    if faults.take_one(&faults.answer_503) {
        let body = "<Error><Code>SlowDown</Code><Message>slow down</Message></Error>";
        let head = "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length";
        let mut request = [0; 4096];
        let _ = client.read(&mut request).await;
        let _ = client.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let tear_after = faults.tear_after.swap(0, Ordering::Relaxed);
    if tear_after == 0 {
        let _ = copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    faults.met.fetch_add(1, Ordering::Relaxed);
    let (mut from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let mut some = from_server.take(tear_after as u64);
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = tokio::io::copy(&mut some, &mut to_client) => {}
    }
}
