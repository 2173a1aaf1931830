//! A RabbitMQ broker of one's own: free ports, a folder in `/tmp`, no plugins, gone with the process that started it.

use std::{
    fs,
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const BIN: &str = "/usr/lib/rabbitmq/bin";
/// Longer than it takes on a machine with much other work.
const START_LIMIT: Duration = Duration::from_secs(600);
/// How many virtual hosts the shared broker has: each test has one to itself. They take most of its start.
const SHARED_VHOSTS: usize = 140;
/// How many a broker of one's own has.
const OWN_VHOSTS: usize = 2;
/// `test`, salted with 01020304.
const PASSWORD_HASH: &str = "AQIDBKTrN36KqYby15Z+0+PlqJJ1pkNKfgMAcM3M4PCa1+5F";

/// A running broker. `rabbitmq-server` of Debian's package must be installed.
#[derive(Debug)]
pub struct Broker {
    folder: TempDir,
    port: u16,
    distribution_port: u16,
    epmd_port: u16,
    /// Also listens there, with a certificate for `localhost` of a CA of its own.
    tls_port: Option<u16>,
    vhosts: usize,
    next_vhost: AtomicUsize,
    running: Mutex<Option<(Child, ChildStdin)>>,
}

impl Broker {
    /// The broker that all tests of a process share; each takes a [`Broker::vhost`].
    ///
    /// # Panics
    /// When no broker can be started.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_with(SHARED_VHOSTS, None))
    }

    /// A broker of one's own, for a test that stops it.
    ///
    /// # Panics
    /// When no broker can be started.
    pub fn start() -> Self {
        Self::start_with(OWN_VHOSTS, None)
    }

    /// One that also takes TLS connections: see [`Broker::tls_vhost`].
    ///
    /// # Panics
    /// When no broker can be started, or no certificate made.
    pub fn start_with_tls() -> Self {
        Self::start_with(OWN_VHOSTS, Some(crate::free_port()))
    }

    fn start_with(vhosts: usize, tls_port: Option<u16>) -> Self {
        let folder = tempfile::Builder::new().prefix("medley-rabbitmq-").tempdir().expect("a folder in /tmp");
        let broker = Self {
            folder,
            port: crate::free_port(),
            distribution_port: crate::free_port(),
            epmd_port: crate::free_port(),
            tls_port,
            vhosts,
            next_vhost: AtomicUsize::new(0),
            running: Mutex::new(None),
        };
        broker.configure();
        broker.run();
        broker
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self) {
        let vhosts = (0..self.vhosts).map(|n| format!("t{n}"));
        let permission =
            |vhost: String| json!({ "user": "test", "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*" });
        let user = json!({ "name": "test", "password_hash": PASSWORD_HASH, "tags": "administrator",
                           "hashing_algorithm": "rabbit_password_hashing_sha256" });
        let definitions = json!({
            "users": [user],
            "vhosts": vhosts.clone().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
            "permissions": vhosts.map(permission).collect::<Vec<_>>(),
        });
        let mut settings = format!(
            "disk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\nload_definitions = {}\n",
            self.path("definitions.json").display()
        );
        if let Some(port) = self.tls_port {
            self.make_certificates();
            settings += &format!("listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.verify = verify_none\n");
            for (setting, file) in [("cacertfile", "ca.pem"), ("certfile", "server.pem"), ("keyfile", "server.key")] {
                settings += &format!("ssl_options.{setting} = {}\n", self.path(file).display());
            }
        }
        for (name, text) in [
            ("definitions.json", definitions.to_string()),
            ("rabbitmq.conf", settings),
            ("rabbitmq-env.conf", String::new()),
            ("enabled_plugins", "[].".into()),
        ] {
            fs::write(self.path(name), text).expect("the folder can be written to");
        }
    }

    fn make_certificates(&self) {
        let script = "set -e; new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
            openssl req -x509 $new -keyout ca.key -out ca.pem -days 2 -subj /CN=medley-test-ca
            openssl req $new -keyout server.key -out server.csr -subj /CN=localhost
            echo subjectAltName=DNS:localhost > names
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names \
                -out server.pem";
        let made = Command::new("sh").args(["-c", script]).current_dir(self.folder.path()).output();
        let made = made.expect("sh is installed");
        assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("HOME", self.folder.path())
            .env("RABBITMQ_NODENAME", format!("medley{}@localhost", self.port))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_MNESIA_BASE", self.path("mnesia"))
            .env("RABBITMQ_LOG_BASE", self.path("log"))
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq"))
            .env("RABBITMQ_CONF_ENV_FILE", self.path("rabbitmq-env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", self.path("pid"));
        command
    }

    /// Starts the server (not the package's wrapper, which changes the user) under a shell that ends it when its
    /// standard input closes: when this process ends, however it ends.
    fn run(&self) {
        let script = format!(
            "{BIN}/rabbitmq-server > \"$HOME/out.log\" 2>&1 < /dev/null & cat > /dev/null; epmd -port {} -kill > /dev/null 2>&1; kill -9 0",
            self.epmd_port
        );
        let mut shell = self.command("setsid");
        shell.args(["sh", "-c", &script]).stdin(Stdio::piped());
        let mut child = shell.spawn().expect("setsid and sh are installed");
        let stdin = child.stdin.take().expect("standard input is piped");
        *self.running() = Some((child, stdin));
        let deadline = Instant::now() + START_LIMIT;
        // Each listener starts by itself.
        let listens = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
        while !(listens(self.port) && self.tls_port.is_none_or(listens)) {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.path("out.log")).unwrap_or_default();
                panic!("RabbitMQ does not start (is rabbitmq-server installed?): {log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<(Child, ChildStdin)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The URL of a virtual host that nobody else uses.
    ///
    /// # Panics
    /// When there are no more.
    pub fn vhost(&self) -> String {
        let n = self.next_vhost.fetch_add(1, Ordering::Relaxed);
        assert!(n < self.vhosts, "all virtual hosts are taken");
        format!("amqp://test:test@127.0.0.1:{}/t{n}", self.port)
    }

    /// The URL of a virtual host by TLS, and the file of the CA.
    ///
    /// # Panics
    /// When the broker was not started with TLS.
    pub fn tls_vhost(&self) -> (String, PathBuf) {
        let port = self.tls_port.expect("the broker was started with TLS");
        let url = self.vhost().replace("amqp://", "amqps://");
        (url.replace(&format!("127.0.0.1:{}", self.port), &format!("localhost:{port}")), self.path("ca.pem"))
    }

    /// Kills the broker as a power cut would.
    pub fn kill(&self) {
        if let Some((mut child, stdin)) = self.running().take() {
            drop(stdin);
            let _ = child.wait();
        }
    }

    /// Starts it again on the same ports and data.
    pub fn start_again(&self) {
        self.kill();
        let _ = fs::remove_file(self.path("pid"));
        self.run();
    }

    /// Runs `rabbitmqctl` and returns what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let output = self.command(format!("{BIN}/rabbitmqctl")).arg("-q").args(arguments).output();
        let output = output.expect("rabbitmqctl is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Closes the connections of a virtual host, as an operator does.
    ///
    /// # Panics
    /// When it cannot.
    pub fn cut(&self, url: &str) {
        let vhost = url.rsplit('/').next().unwrap_or_default();
        self.ctl(&["close_all_connections", "--vhost", vhost, "a test"]);
    }

    /// How many bytes each connection of a virtual host has sent so far.
    ///
    /// # Panics
    /// When they cannot be listed.
    pub fn received(&self, url: &str) -> Vec<u64> {
        let path = url.rsplit('/').next().unwrap_or_default();
        let vhost = path.split('?').next().unwrap_or_default();
        let listed = self.ctl(&["list_connections", "vhost", "recv_oct"]);
        let of_vhost = listed.lines().filter_map(|line| line.split_once('\t')).filter(|(name, _)| *name == vhost);
        of_vhost.filter_map(|(_, bytes)| bytes.trim().parse().ok()).collect()
    }

    /// Imports a definitions file, as an operator does.
    pub fn import(&self, definitions: &Value) {
        let path = self.path("import.json");
        fs::write(&path, definitions.to_string()).expect("the folder can be written to");
        self.ctl(&["import_definitions", &path.display().to_string()]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        let _ = self.command("epmd").args(["-port", &self.epmd_port.to_string(), "-kill"]).output();
    }
}
