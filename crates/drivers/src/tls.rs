//! Encrypted connections: which authorities are trusted.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The authorities in a PEM text.
///
/// # Errors
/// What is wrong with the text, for people.
pub(crate) fn roots_of(pem: &str) -> Result<RootCertStore, &'static str> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| "is not valid PEM")?;
        roots.add(certificate).map_err(|_| "holds a certificate that cannot be used as an authority")?;
    }
    if roots.is_empty() { Err("holds no certificate (-----BEGIN CERTIFICATE-----)") } else { Ok(roots) }
}

/// The authorities that this machine trusts. Reads files: not for the async threads.
fn system_roots() -> Result<RootCertStore, &'static str> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        Err("This machine has no trusted authorities installed (Debian: ca-certificates); give the hub's in ca_pem.")
    } else {
        Ok(roots)
    }
}

/// How to talk TLS to a hub: with the authorities in `ca_pem`, or else with the system's.
///
/// # Errors
/// Why it cannot be done, for people.
pub(crate) fn client_config(ca_pem: Option<&str>) -> Result<Arc<ClientConfig>, &'static str> {
    let roots = match ca_pem {
        Some(pem) => roots_of(pem)?,
        None => system_roots()?,
    };
    // The provider is named, since a process-wide default is ambiguous once two libraries bring one.
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| "TLS is not available.")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
