//! Starts child processes from one thread that lives as long as the pool: the kernel sends a parent-death signal when
//! the *thread* that forked ends, and threads of the async runtime come and go.

use std::{io, sync::mpsc, thread};

use tokio::{
    process::{Child, Command},
    sync::oneshot,
};

#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    orders: mpsc::Sender<(Command, oneshot::Sender<io::Result<Child>>)>,
}

impl Spawner {
    /// Called on the async runtime.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start() -> io::Result<Self> {
        let (orders, waiting) = mpsc::channel::<(Command, oneshot::Sender<io::Result<Child>>)>();
        let runtime = tokio::runtime::Handle::current();
        thread::Builder::new().name("spawner".into()).spawn(move || {
            let _entered = runtime.enter();
            for (mut command, started) in waiting {
                let _ = started.send(command.spawn());
            }
        })?;
        Ok(Self { orders })
    }

    pub(crate) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts processes is gone");
        let (started, child) = oneshot::channel();
        self.orders.send((command, started)).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}
