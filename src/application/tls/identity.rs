//! Who we are under TLS: a certificate and its key.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate with its chain and its key, ready to be used.
#[derive(Clone)]
pub struct Identity(Arc<ServerConfig>);

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadIdentity {
    /// There is no certificate in it.
    #[error("the certificate is no PEM file with a CERTIFICATE in it")]
    Certificate,
    /// There is no key in it.
    #[error("the key is no PEM file with a PRIVATE KEY in it")]
    Key,
    /// The key is not that of the certificate, or of a kind that we do not know.
    #[error("certificate and key do not go together: {0}")]
    Mismatch(rustls::Error),
}

impl Identity {
    /// From the texts of two PEM files.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn new(certificates: &[u8], key: &[u8]) -> Result<Identity, BadIdentity> {
        let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(BadIdentity::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadIdentity::Key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(BadIdentity::Mismatch)?;
        // Connections are short and many: one is resumed with two tickets at hand, not with four.
        config.send_tls13_tickets = 2;
        Ok(Identity(Arc::new(config)))
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.0.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// Makes a certificate that nobody else has signed, for these names and addresses, and its key, both as PEM.
///
/// # Errors
/// A name is none, or there is no randomness.
pub fn self_made(names: Vec<String>) -> Result<(String, String), rcgen::Error> {
    let made = rcgen::generate_simple_self_signed(names)?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_make_ourselves_can_be_used_and_a_mixture_cannot() {
        let (certificate, key) = self_made(vec!["taphouse".into(), "10.77.0.2".into(), "fd77::2".into()]).unwrap();
        assert!(Identity::new(certificate.as_bytes(), key.as_bytes()).is_ok());
        let (_, other) = self_made(vec!["taphouse".into()]).unwrap();
        let wrong = |certificate: &str, key: &str| Identity::new(certificate.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(matches!(wrong(&certificate, &other), BadIdentity::Mismatch(_)));
        assert!(matches!(wrong("", &key), BadIdentity::Certificate));
        assert!(matches!(wrong(&certificate, &certificate), BadIdentity::Key));
    }
}
