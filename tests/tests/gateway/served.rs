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
        let (medley, address) = (Medley::default(), format!("127.0.0.1:{}", free_port()));
        let mut command = medley.command(&["serve", "--listen", &address]);
        let gateway = command.args(arguments).stderr(Stdio::inherit()).spawn().unwrap();
        let mut served = Self { medley, address, gateway };
        let answers = (0..1_200).any(|_| {
            assert!(served.gateway.try_wait().unwrap().is_none(), "the gateway ended at once");
            std::thread::sleep(Duration::from_millis(50));
            served.get("/v1/models").is_some_and(|answer| answer.contains("200 OK"))
        });
        assert!(answers, "the gateway never answered");
        served
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

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
    }
}
