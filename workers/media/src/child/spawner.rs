//! The thread that starts children. A child's death signal comes when the *thread* that forked it ends (prctl(2),
//! PR_SET_PDEATHSIG), and threads of a pool end while their process lives on: so one thread that stays starts them all.

use std::{
    io,
    process::{Child, Command},
    sync::{
        LazyLock,
        mpsc::{Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

type Order = (Command, SyncSender<io::Result<Child>>);

static ORDERS: LazyLock<Option<Sender<Order>>> = LazyLock::new(|| {
    let (orders, waiting) = channel::<Order>();
    let serve = move || {
        for (mut command, started) in waiting {
            let _ = started.send(command.spawn());
        }
    };
    thread::Builder::new().name("children".into()).spawn(serve).ok().map(|_| orders)
});

pub(super) fn spawn(command: Command) -> io::Result<Child> {
    let gone = || io::Error::other("the thread that starts programs is gone");
    let (started, child) = sync_channel(1);
    ORDERS.as_ref().ok_or_else(gone)?.send((command, started)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
