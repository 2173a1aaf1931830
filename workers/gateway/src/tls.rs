//! TLS with a certificate and a key in files.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{error::GatewayError, settings::TlsSettings};

/// Reads certificate and key.
///
/// # Errors
/// When a file cannot be read, or the two do not belong together.
pub(crate) fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, GatewayError> {
    let unusable = |file: &Path, source: Box<dyn std::error::Error + Send + Sync>| GatewayError::Tls {
        file: file.to_owned(),
        source,
    };
    let cert = |source| unusable(&settings.certificate, Box::new(source));
    let chain = CertificateDer::pem_file_iter(&settings.certificate).map_err(cert)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(cert)?;
    let key =
        PrivateKeyDer::from_pem_file(&settings.key).map_err(|source| unusable(&settings.key, Box::new(source)))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|source| unusable(&settings.certificate, Box::new(source)))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
