//! One large object up and down: `S3Store` beside the shortest multipart loop of the SDK alone. The server runs in a
//! process of its own, so that the memory that is told is the client's. `scripts/bench store`.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use medley_proto::Sha256;
use medley_runtime::store::{Key, ObjectMeta, S3Config, S3Store, Store};
use medley_tests::s3::{ACCESS_KEY, SECRET_KEY, Server};

const OBJECT_BYTES: u64 = 1 << 30;
const PART_BYTES: u64 = 8 << 20;
const PARALLEL: usize = 4;
const ROUNDS: usize = 3;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn bare_client(endpoint: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "bench"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

async fn bare_up(client: &Client, bucket: &str, source: &Path) -> Outcome<()> {
    let created = client.create_multipart_upload().bucket(bucket).key("bare").send().await?;
    let id = created.upload_id().ok_or("no upload id")?;
    let file = Arc::new(File::open(source)?);
    let parts = stream::iter(0..OBJECT_BYTES.div_ceil(PART_BYTES))
        .map(|n| {
            let file = Arc::clone(&file);
            async move {
                let read = move || {
                    let mut part = vec![0; PART_BYTES as usize];
                    file.read_exact_at(&mut part, n * PART_BYTES).map(|()| part)
                };
                let part = tokio::task::spawn_blocking(read).await??;
                let number = i32::try_from(n + 1)?;
                let sent = client.upload_part().bucket(bucket).key("bare").upload_id(id).part_number(number);
                let sent = sent.body(ByteStream::from(part)).send().await?;
                Ok::<_, Box<dyn std::error::Error>>(
                    CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build(),
                )
            }
        })
        .buffered(PARALLEL)
        .try_collect::<Vec<_>>()
        .await?;
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client.complete_multipart_upload().bucket(bucket).key("bare").upload_id(id);
    complete.multipart_upload(parts).send().await?;
    Ok(())
}

async fn bare_down(client: &Client, bucket: &str, target: &Path) -> Outcome<()> {
    let file = Arc::new(File::create(target)?);
    stream::iter(0..OBJECT_BYTES.div_ceil(PART_BYTES))
        .map(|n| {
            let file = Arc::clone(&file);
            async move {
                let (from, to) = (n * PART_BYTES, (n + 1) * PART_BYTES - 1);
                let part = client.get_object().bucket(bucket).key("bare").range(format!("bytes={from}-{to}"));
                let part = part.send().await?.body.collect().await?.into_bytes();
                tokio::task::spawn_blocking(move || file.write_all_at(&part, from)).await??;
                Ok::<_, Box<dyn std::error::Error>>(())
            }
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// The most memory this process has had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

async fn bench(endpoint: &str, bucket: &str) -> Outcome<()> {
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    let sha256 = make_source(&source)?;
    let client = bare_client(endpoint);
    let store = S3Store::new(&S3Config {
        bucket: bucket.into(),
        endpoint: Some(endpoint.into()),
        path_style: true,
        access_key: Some(ACCESS_KEY.into()),
        secret_key: Some(SECRET_KEY.into()),
        ..S3Config::default()
    })?;
    let key = Key::parse("t/object")?;
    let meta = ObjectMeta { sha256: Some(sha256), media_type: None };
    let mut times = [const { Vec::new() }; 4];
    let mut ours_mib = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        store.put_file(&key, &source, &meta).await?;
        times[0].push(began.elapsed());
        let began = Instant::now();
        store.fetch(&key, &target).await?;
        times[1].push(began.elapsed());
        ours_mib = if ours_mib == 0 { peak_mib() } else { ours_mib };
        let began = Instant::now();
        bare_up(&client, bucket, &source).await?;
        times[2].push(began.elapsed());
        let began = Instant::now();
        bare_down(&client, bucket, &target).await?;
        times[3].push(began.elapsed());
    }
    let [up, down, bare_up, bare_down] = times.each_mut().map(|times| median(times));
    let mib = OBJECT_BYTES as f64 / f64::from(1 << 20);
    println!("{mib} MiB to and from s3s-fs on this machine, parts of 8 MiB, {PARALLEL} at once; median of {ROUNDS}\n");
    println!("| | up MiB/s | of bare | down MiB/s | of bare | peak memory MiB |\n|---|---:|---:|---:|---:|---:|");
    println!("| bare SDK loop, no checksums | {:.0} | 1 | {:.0} | 1 | |", mib / bare_up, mib / bare_down);
    println!(
        "| S3Store, CRC32C a part, SHA-256 of the whole both ways | {:.0} | {:.2} | {:.0} | {:.2} | {ours_mib} |",
        mib / up,
        bare_up / up,
        mib / down,
        bare_down / down
    );
    Ok(())
}

fn make_source(path: &Path) -> Outcome<Sha256> {
    use sha2::Digest;
    let mut file = File::create(path)?;
    let mut hash = sha2::Sha256::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..OBJECT_BYTES / PART_BYTES {
        let mut part = Vec::with_capacity(PART_BYTES as usize);
        while (part.len() as u64) < PART_BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            part.extend_from_slice(&state.to_le_bytes());
        }
        hash.update(&part);
        file.write_all(&part)?;
    }
    Ok(Sha256::new(hash.finalize().into()))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        let server = Server::start();
        println!("{} {}", server.endpoint(), server.bucket());
        // Until standard input closes: until the process that measures ends.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
        return Ok(());
    }
    let mut server =
        Command::new(std::env::current_exe()?).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let output = server.stdout.take().ok_or("the server has no output")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)?;
    let (endpoint, bucket) = line.trim().split_once(' ').ok_or("the server does not start")?;
    let outcome = bench(endpoint, bucket).await;
    drop(server.stdin.take());
    server.wait()?;
    outcome
}
