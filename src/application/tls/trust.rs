//! Whom we believe under TLS when we are the client.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Whom we believe to be who they say they are.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

/// Why nobody can be believed.
#[derive(Debug, thiserror::Error)]
pub enum BadTrust {
    /// There is no certificate in it.
    #[error("is no PEM file with a CERTIFICATE in it")]
    Empty,
    /// rustls does not do it.
    #[error("cannot be used: {0}")]
    Unusable(rustls::Error),
}

impl Trust {
    /// Those whose certificate one of these has signed, from the text of a PEM file.
    ///
    /// # Errors
    /// Why nobody could be believed.
    pub fn signed_by(certificates: &[u8]) -> Result<Trust, BadTrust> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(certificates).filter_map(Result::ok));
        if roots.is_empty() {
            return Err(BadTrust::Empty);
        }
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = builder.map_err(BadTrust::Unusable)?.with_root_certificates(roots).with_no_client_auth();
        Ok(Trust(Arc::new(config)))
    }

    /// Everybody, whatever the certificate says: others cannot listen, but who it is that listens nobody knows (RFC 7435).
    ///
    /// # Errors
    /// rustls does not do it.
    pub fn anybody() -> Result<Trust, BadTrust> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = builder.map_err(BadTrust::Unusable)?.dangerous();
        let config = config.with_custom_certificate_verifier(Arc::new(Anybody(provider()))).with_no_client_auth();
        Ok(Trust(Arc::new(config)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust(…)")
    }
}

/// The server that a client is about to meet, by its name or address, and who it must be.
#[derive(Clone, Debug)]
pub struct Server {
    trust: Trust,
    name: ServerName<'static>,
    complaint: Complaint,
}

/// A text that is neither a name nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither a host's name nor an address")]
pub struct NoName;

impl Server {
    /// A server as it is called.
    ///
    /// # Errors
    /// It cannot be called that.
    pub fn new(name: &str, trust: Trust) -> Result<Server, NoName> {
        let name = ServerName::try_from(name.trim_end_matches('.').to_owned()).map_err(|_| NoName)?;
        Ok(Server { trust, name, complaint: Complaint::default() })
    }

    /// What will be wrong with it, if anything is.
    pub fn complaint(&self) -> Complaint {
        self.complaint.clone()
    }

    pub(super) fn connection(&self) -> Option<rustls::ClientConnection> {
        rustls::ClientConnection::new(self.trust.0.clone(), self.name.clone()).ok()
    }

    pub(super) fn complain(&self, why: &rustls::Error) {
        let Complaint(text) = &self.complaint;
        text.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.to_string());
    }
}

/// Why TLS could not be begun with a server.
#[derive(Clone, Debug, Default)]
pub struct Complaint(Arc<Mutex<Option<String>>>);

impl Complaint {
    /// It, if there is one.
    pub fn text(&self) -> Option<String> {
        let Complaint(text) = self;
        text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Believes everybody.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::self_made;
    use super::*;

    #[test]
    fn a_server_has_a_name_and_somebody_who_vouches() {
        let (certificate, key) = self_made(vec!["mx.example".into()]).unwrap();
        let trust = Trust::signed_by(certificate.as_bytes()).unwrap();
        for name in ["mx.example", "mx.example.", "10.77.0.1", "fd77::1"] {
            assert!(Server::new(name, trust.clone()).is_ok_and(|server| server.connection().is_some()), "{name}");
        }
        assert!(matches!(Server::new("not a name", trust), Err(NoName)));
        assert!(matches!(Trust::signed_by(key.as_bytes()), Err(BadTrust::Empty)));
        assert!(Trust::anybody().is_ok());
    }
}
