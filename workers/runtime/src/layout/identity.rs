//! Which process wrote something down, so that another one on the same machine can tell later that it is dead.

use std::{fmt, fs, str::FromStr, sync::OnceLock};

/// A process of this boot of this machine, told apart from a later one with the same number by its start time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The kernel's id of this boot: another one means that every process of then is gone.
    boot: String,
    /// The namespace that the number counts in: containers that share a disk do not see each other's processes.
    namespace: u64,
    pid: u32,
    /// Clock ticks from boot to the start of the process.
    started: u64,
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    Dead,
    /// It lives, if it lives, where this process cannot look.
    Unknown,
}

impl Identity {
    /// This process.
    pub(crate) fn own() -> &'static Self {
        static OWN: OnceLock<Identity> = OnceLock::new();
        OWN.get_or_init(|| {
            let pid = std::process::id();
            Self {
                boot: boot_id().unwrap_or_default(),
                namespace: pid_namespace().unwrap_or_default(),
                pid,
                started: start_of(pid).unwrap_or_default(),
            }
        })
    }

    pub(crate) fn fate(&self) -> Fate {
        let own = Self::own();
        if self == own {
            return Fate::Alive;
        }
        if self.boot != own.boot {
            return if own.boot.is_empty() || self.boot.is_empty() { Fate::Unknown } else { Fate::Dead };
        }
        if self.namespace != own.namespace || own.namespace == 0 {
            return Fate::Unknown;
        }
        if start_of(self.pid) == Some(self.started) { Fate::Alive } else { Fate::Dead }
    }
}

fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty() && !id.contains('.'))
}

/// The number inside `pid:[4026531836]`.
fn pid_namespace() -> Option<u64> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

/// Field 22 of `/proc/<pid>/stat`, unless the process is a zombie; the fields before it are counted from the last `)`,
/// since the program's name in field 2 may hold anything.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.boot, self.namespace, self.pid, self.started)
    }
}

impl FromStr for Identity {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(());
        let boot = part()?.to_owned();
        let namespace = part()?.parse().map_err(drop)?;
        let pid = part()?.parse().map_err(drop)?;
        let started = part()?.parse().map_err(drop)?;
        if parts.next().is_some() {
            return Err(());
        }
        Ok(Self { boot, namespace, pid, started })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_dead_once_it_is() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        let it = Identity { pid, started: start_of(pid).unwrap(), ..Identity::own().clone() };
        assert_eq!(it.to_string().parse(), Ok(it.clone()));
        assert_eq!(it.fate(), Fate::Alive);
        let successor = Identity { started: it.started + 1, ..it.clone() };
        assert_eq!(successor.fate(), Fate::Dead, "the same number, another process");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(it.fate(), Fate::Dead);
    }

    #[test]
    fn other_boots_are_dead_and_other_namespaces_unknown() {
        let own = Identity::own().clone();
        assert_eq!(Identity { boot: "another".into(), ..own.clone() }.fate(), Fate::Dead);
        assert_eq!(Identity { namespace: own.namespace + 1, ..own }.fate(), Fate::Unknown);
    }
}
