//! Receivers behind TLS, with certificates of authorities that only the operator knows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use thumbturn_locksim::TestCertificates;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::support::{ALLOWED, DELAYS, Manner, Received, Receiver, delivery, has_attempts, made};
use crate::app::{SANDBOX, TestApp, eventually};
use crate::ask::Ask;
use crate::program::{Server, place, run};

const CA_FILE: &str = "THUMBTURN_WEBHOOKS__CA_FILE";

/// Why there was no TLS with those who came.
type Broken = Arc<Mutex<Vec<String>>>;

/// Waits for connections with TLS.
struct Encrypted {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    broken: Broken,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            match self.acceptor.accept(stream).await {
                Ok(stream) => return (stream, address),
                Err(error) => self.broken.lock().unwrap().push(error.to_string()),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A receiver on a port of its own that shows this certificate, and what it has heard of those who did not want it.
async fn receiver(certificates: &TestCertificates) -> (Receiver, Broken) {
    let chain = CertificateDer::pem_slice_iter(certificates.server.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (acceptor, broken) = (TlsAcceptor::from(Arc::new(server)), Broken::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
    let encrypted = Encrypted { listener, acceptor, broken: Arc::clone(&broken) };
    (Receiver::at(encrypted, url, Manner::Status(204)), broken)
}

/// Verifies a message with a library that is not ours.
fn verify(message: &Received, secret: &str) {
    message.verify(&[secret]);
    standardwebhooks::Webhook::new(secret).unwrap().verify(&message.body, &message.headers).unwrap();
}

/// A file in a folder that goes away with what is returned.
fn file(authorities: &[&TestCertificates]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authorities.pem");
    let all: String = authorities.iter().map(|made| made.ca.as_str()).collect();
    std::fs::write(&path, all).unwrap();
    (folder, path)
}

#[tokio::test]
async fn a_receiver_with_a_certificate_of_a_trusted_authority_is_told_and_no_other() {
    let (right, stranger) = (TestCertificates::make().unwrap(), TestCertificates::make().unwrap());
    let elsewhere = TestCertificates::make_for(&["elsewhere.example"]).unwrap();
    let old = TestCertificates::make_expired().unwrap();
    let (_folder, authorities) = file(&[&right, &elsewhere, &old]);
    let app = TestApp::with(SANDBOX, &[ALLOWED, (CA_FILE, authorities.to_str().unwrap()), (DELAYS, "")]).await;
    let (trusted, broken) = receiver(&right).await;
    let mut refused = Vec::new();
    for (certificates, error, alert) in [
        // Its authority has the name of those that are trusted, and another key.
        (&stranger, "certificate_not_trusted", "DecryptError"),
        (&elsewhere, "certificate_wrong_name", "BadCertificate"),
        (&old, "certificate_expired", "CertificateExpired"),
    ] {
        let (receiver, broken) = receiver(certificates).await;
        let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
        refused.push((receiver, broken, webhook, error, alert));
    }
    let (webhook, secret) = made(&app, &trusted, &["lock.unlocked"]).await;
    app.unlock(0).await;

    verify(&trusted.of_type("lock.unlocked", 1).await[0], &secret);
    let found = delivery(&app, &webhook, "it is delivered", |delivery| delivery["status"] == "delivered").await;
    assert_eq!(found["attempts"][0]["response_status"], 204);
    assert!(broken.lock().unwrap().is_empty());
    for (receiver, broken, webhook, error, alert) in refused {
        let found = delivery(&app, &webhook, "it is tried", has_attempts(1)).await;
        assert_eq!((&found["attempts"][0]["error"], &found["status"]), (&json!(error), &json!("failed")), "{found:#}");
        let heard =
            eventually("the receiver hears that it is not wanted", async || broken.lock().unwrap().first().cloned())
                .await;
        assert!(heard.contains(alert), "{heard}");
        assert!(receiver.received().is_empty(), "it was told of something: {error}");
    }
}

#[tokio::test]
async fn the_systems_authorities_are_trusted_beside_the_operators_file() {
    let (of_system, of_operator) = (TestCertificates::make().unwrap(), TestCertificates::make().unwrap());
    let ((_one, system), (_other, operator)) = (file(&[&of_system]), file(&[&of_operator]));
    let variables =
        [ALLOWED, ("SSL_CERT_FILE", system.to_str().unwrap()), (CA_FILE, operator.to_str().unwrap()), (DELAYS, "")];
    let place = place();
    let server = Server::start(&place.data, &variables);
    let key = server.told("API key").unwrap();
    let ask = |path: &str, body: Value| Ask::post(path).bearer(&key).json(body);
    let receivers = [receiver(&of_system).await, receiver(&of_operator).await];
    let mut secrets = Vec::new();
    for (receiver, _) in &receivers {
        let body = json!({"url": receiver.url, "event_types": ["lock.unlocked"]});
        let webhook = server.send(ask("/webhooks/create", body)).await.unwrap().field("webhook");
        secrets.push(webhook["secret"].as_str().unwrap().to_owned());
    }
    let devices = server.devices(&key).await;
    server.send(ask("/locks/unlock_door", json!({"device_id": devices[0]}))).await.unwrap();
    for ((receiver, broken), secret) in receivers.iter().zip(&secrets) {
        verify(&receiver.of_type("lock.unlocked", 1).await[0], secret);
        assert!(broken.lock().unwrap().is_empty());
    }
}

#[test]
fn a_server_does_not_start_with_authorities_that_it_cannot_read() {
    let (_folder, empty) = file(&[]);
    let place = place();
    for path in [empty.to_str().unwrap(), "/nowhere/authorities.pem"] {
        let folder = place.data.display().to_string();
        let ended = run(&["serve", "--data-dir", &folder, "--listen", "127.0.0.1:0"], &[(CA_FILE, path)]);
        assert_ne!(ended.code, 0, "{ended:?}");
        assert!(ended.err.contains("webhooks.ca_file") && ended.err.contains(path), "{}", ended.err);
    }
}
