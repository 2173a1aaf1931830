//! Harness shared by the cross-crate tests: a real binary, real services on free ports.

pub mod binary;
pub mod chat;
pub mod clients;
pub mod http;
mod objects;
pub mod rabbitmq;
pub mod s3;

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("a bound socket has an address").port()
}
