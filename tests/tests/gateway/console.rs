//! The console in a real browser: Debian's Chromium, driven by playwright-core, before the real gateway with a real worker.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use medley_tests::{
    binary::{Medley, sample},
    clients,
};

use crate::{Gateway, exchange::ask, served::Served};

const WORK: [&str; 3] = ["--work", "--slots", "2"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a part of the script; each time that it asks for it, the gateway is killed and started again.
fn drive(part: &str, address: &str, arguments: &[String], mut restart: impl FnMut()) {
    let mut node = Command::new("node");
    node.env("NODE_PATH", clients::npm(&["playwright-core@1.65.1", "axe-core@4.14.1"]));
    node.arg(repository().join("tests/tests/gateway/console_drive.cjs")).arg(part).arg(format!("http://{address}"));
    let mut driver = node.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut say = driver.stdin.take().unwrap();
    for line in BufReader::new(driver.stdout.take().unwrap()).lines() {
        match line.unwrap().as_str() {
            "RESTART" => {
                restart();
                writeln!(say, "done").unwrap();
            }
            other => println!("{other}"),
        }
    }
    assert!(driver.wait().unwrap().success(), "{part}");
}

/// Each kind of page, submitted and looked at; axe finds nothing in either theme or language; nothing of a stranger's runs.
#[test]
fn the_console_does_what_it_shows() {
    let served = std::cell::RefCell::new(Served::start(&WORK));
    let address = served.borrow().address.clone();
    let page = ask(&address, "GET", "/", &[], b"");
    assert!(page.body.contains("/assets/"), "the console was not built: scripts/setup.sh console");
    let files = [
        sample("sample-pictures", "coffee.png"),
        sample("sample-speech", "beckett.wav"),
        repository().join("docs/images/receipt.png"),
    ];
    let files = files.map(|path| path.display().to_string());
    drive("kinds", &address, &files, || ());
    drive("uploads", &address, &[], || {
        served.borrow_mut().kill();
        served.borrow_mut().start_again(&WORK);
    });
}

#[test]
fn people_of_two_tenants_sign_in_and_see_their_own() {
    let medley = Medley::default();
    let tokens = ["kim", "lee"].map(|tenant| {
        let made = medley.call(&["token", "create", "console", "--tenant", tenant, "--scope", "admin"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        made.out.trim().to_owned()
    });
    let gateway = Gateway::start_in(medley, &[]);
    drive("tenants", &gateway.address.to_string(), &tokens, || ());
    let log = gateway.log();
    assert!(tokens.iter().all(|token| !log.contains(token)), "a token is in the log");
}
