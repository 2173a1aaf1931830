//! A gateway on a free port.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::Duration,
};

use medley_tests::{binary::Medley, free_port};

/// One user's Medley with its gateway; it ends with this.
pub(crate) struct Served {
    pub(crate) medley: Medley,
    pub(crate) address: String,
    gateway: Child,
}

impl Served {
    /// Starts `medley serve` with these arguments, and waits until it answers.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::configured("", arguments)
    }

    /// The same with what `medley.toml` says.
    pub(crate) fn configured(config: &str, arguments: &[&str]) -> Self {
        let (medley, address) = (Medley::default(), format!("127.0.0.1:{}", free_port()));
        std::fs::write(medley.path("medley.toml"), config).unwrap();
        let gateway = spawn(&medley, &address, arguments);
        let mut served = Self { medley, address, gateway };
        served.wait();
        served
    }

    /// Kills the gateway as a machine that loses its power would.
    pub(crate) fn kill(&mut self) {
        self.gateway.kill().unwrap();
        self.gateway.wait().unwrap();
    }

    /// Starts it again, at the same address and over the same data.
    pub(crate) fn start_again(&mut self, arguments: &[&str]) {
        self.gateway = spawn(&self.medley, &self.address, arguments);
        self.wait();
    }

    fn wait(&mut self) {
        let answers = (0..1_200).any(|_| {
            assert!(self.gateway.try_wait().unwrap().is_none(), "the gateway ended at once");
            std::thread::sleep(Duration::from_millis(50));
            self.get("/v1/models").is_some_and(|answer| answer.contains("200 OK"))
        });
        assert!(answers, "the gateway never answered");
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Where OpenAI's packages are pointed at.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

fn spawn(medley: &Medley, address: &str, arguments: &[&str]) -> Child {
    let mut command = medley.command(&["serve", "--listen", address, "--config", "medley.toml"]);
    command.args(arguments).stderr(Stdio::inherit()).spawn().unwrap()
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
    }
}
