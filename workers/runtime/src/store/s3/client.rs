//! Where the bucket is, who asks, and how patient the client is.

use std::{path::PathBuf, time::Duration};

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, ProvideCredentials, Region, RequestChecksumCalculation,
        ResponseChecksumValidation, SharedHttpClient, retry::RetryConfig, timeout::TimeoutConfig,
    },
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use medley_net::Address;

use crate::store::StoreError;

use super::bounded::BoundedAnswers;

const ATTEMPTS: u32 = 6;
const MAX_BACKOFF: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const READ_LIMIT: Duration = Duration::from_secs(60);
/// A part of 8 MiB in this time is half a megabit a second.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(120);
/// How long credentials from a file are used before it is read again.
const CREDENTIALS_LIFE: Duration = Duration::from_secs(300);

/// A bucket, and a place in it.
#[derive(Clone, Default)]
pub struct S3Config {
    pub bucket: String,
    /// What all keys begin with; empty for the whole bucket.
    pub prefix: String,
    /// Empty for `us-east-1`.
    pub region: String,
    /// A server that is not Amazon's: `https://host:port`.
    pub endpoint: Option<String>,
    /// The bucket in the path and not in the host's name: what most other servers want.
    pub path_style: bool,
    pub access_key: Option<String>,
    pub secret_key: Option<String>,
    /// A file of `aws_access_key_id = …`, `aws_secret_access_key = …` and perhaps `aws_session_token = …`, as of
    /// `~/.aws/credentials` with one profile; read again every five minutes, so that it may be rotated.
    pub credentials_file: Option<PathBuf>,
    /// PEM certificates that the server's certificate may be signed by, in place of the machine's.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for S3Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Config")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("endpoint", &self.endpoint.as_deref().map(Address::from))
            .finish_non_exhaustive()
    }
}

pub(super) fn client(config: &S3Config) -> Result<Client, StoreError> {
    let region = if config.region.is_empty() { "us-east-1" } else { &config.region };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_LIMIT)
        .read_timeout(READ_LIMIT)
        .operation_attempt_timeout(ATTEMPT_LIMIT)
        .build();
    let mut builder = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .force_path_style(config.path_style)
        .http_client(http_client(config)?)
        .timeout_config(timeouts)
        .interceptor(BoundedAnswers)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(MAX_BACKOFF))
        // Every request that needs a checksum says so itself: other servers do not know the newer defaults.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = &config.endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    builder = match (&config.credentials_file, &config.access_key, &config.secret_key) {
        (Some(path), ..) => builder.credentials_provider(CredentialsFile(path.clone())),
        (None, Some(access), Some(secret)) => {
            builder.credentials_provider(Credentials::new(access, secret, None, None, "medley"))
        }
        _ => builder.allow_no_auth(),
    };
    Ok(Client::from_conf(builder.build()))
}

fn http_client(config: &S3Config) -> Result<SharedHttpClient, StoreError> {
    if config.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")) {
        return Ok(Builder::new().build_http());
    }
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let Some(path) = &config.ca_file else { return Ok(builder.build_https()) };
    let refused = |error: medley_step::Cause| StoreError::Refused(format!("{}: {error}", path.display()), Some(error));
    let pem = std::fs::read(path).map_err(|error| refused(error.into()))?;
    let trust = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|error| refused(error.into()))?;
    Ok(builder.tls_context(context).build_https())
}

#[derive(Debug)]
struct CredentialsFile(PathBuf);

impl ProvideCredentials for CredentialsFile {
    fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        aws_credential_types::provider::future::ProvideCredentials::new(read_credentials(&self.0))
    }
}

async fn read_credentials(path: &std::path::Path) -> aws_credential_types::provider::Result {
    use aws_credential_types::provider::error::CredentialsError;
    let text = tokio::fs::read_to_string(path).await.map_err(CredentialsError::provider_error)?;
    let value = |name: &str| {
        let line = text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == name);
        line.map(|(_, value)| value.trim().to_owned())
    };
    let (Some(access), Some(secret)) = (value("aws_access_key_id"), value("aws_secret_access_key")) else {
        let message = format!("{} has no aws_access_key_id and aws_secret_access_key", path.display());
        return Err(CredentialsError::invalid_configuration(message));
    };
    let expires = std::time::SystemTime::now() + CREDENTIALS_LIFE;
    Ok(Credentials::new(access, secret, value("aws_session_token"), Some(expires), "medley"))
}
