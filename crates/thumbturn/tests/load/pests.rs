//! Callers who do not behave: they connect and say nothing, send a body byte by byte, or take no answer.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::server::Server;

/// Between two bytes of a body.
const DRIP: Duration = Duration::from_millis(200);

/// How long one stays away when it was thrown out.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy)]
enum Pest {
    Silent,
    HalfHead,
    Dripping,
    NotTaking,
}

/// Sets `each` of every kind loose, until what is returned is dropped.
pub(crate) fn loose(server: &Server, each: usize) -> JoinSet<()> {
    let kinds = [Pest::Silent, Pest::HalfHead, Pest::Dripping, Pest::NotTaking];
    let mut pests = JoinSet::new();
    for pest in kinds.into_iter().cycle().take(kinds.len() * each) {
        let (address, head) = (server.address.clone(), head(server));
        pests.spawn(async move {
            loop {
                // That they are thrown out is what they deserve.
                let _ = pest.bother(&address, &head).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    pests
}

fn head(server: &Server) -> String {
    format!("host: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n", server.api_key)
}

impl Pest {
    /// Returns when the server has had enough of it.
    async fn bother(self, address: &str, head: &str) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address).await?;
        match self {
            Self::Silent => {}
            Self::HalfHead => stream.write_all(format!("POST /devices/list HTTP/1.1\r\n{head}").as_bytes()).await?,
            Self::Dripping => {
                let head = format!("POST /locks/unlock_door HTTP/1.1\r\n{head}content-length: 5000\r\n\r\n{{");
                stream.write_all(head.as_bytes()).await?;
                loop {
                    stream.write_all(b" ").await?;
                    tokio::time::sleep(DRIP).await;
                }
            }
            Self::NotTaking => loop {
                stream.write_all(format!("GET /devices/list HTTP/1.1\r\n{head}\r\n").as_bytes()).await?;
            },
        }
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    }
}
