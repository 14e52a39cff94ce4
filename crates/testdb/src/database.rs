//! A database of one test.

use std::path::PathBuf;

use crate::programs::Programs;
use crate::{Error, shared};

/// An empty database. It is dropped with this, whoever is connected.
#[derive(Debug)]
pub struct Database {
    programs: Programs,
    socket: PathBuf,
    port: u16,
    name: String,
    is_shared: bool,
}

impl Database {
    /// Makes a database on the server that the tests of this machine share.
    ///
    /// # Errors
    /// [`Error`]
    pub fn create() -> Result<Self, Error> {
        let (programs, socket, port) = shared::server()?;
        Self::make(programs, socket, port, true)
    }

    pub(crate) fn make(programs: Programs, socket: PathBuf, port: u16, is_shared: bool) -> Result<Self, Error> {
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        let database = Self { programs, socket, port, name, is_shared };
        database.tool("createdb", &[])?;
        Ok(database)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL over the server's socket, where nobody is asked for a password.
    #[must_use]
    pub fn url(&self) -> String {
        let socket = self.socket.to_string_lossy().replace('%', "%25").replace('/', "%2F");
        format!("postgres://postgres@{socket}:{}/{}", self.port, self.name)
    }

    /// Runs SQL of a test's own.
    ///
    /// # Errors
    /// [`Error`]
    pub fn run(&self, sql: &str) -> Result<(), Error> {
        self.ask(sql).map(drop)
    }

    /// Runs SQL of a test's own; the rows of the answer, a line each, with `|` between the columns.
    ///
    /// # Errors
    /// [`Error`]
    pub fn ask(&self, sql: &str) -> Result<String, Error> {
        let (socket, port) = (self.socket.to_string_lossy().into_owned(), self.port.to_string());
        let options = ["-q", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", &socket, "-p", &port, "-U", "postgres"];
        let arguments: Vec<&str> = options.into_iter().chain(["-d", &self.name, "-c", sql]).collect();
        self.programs.run("psql", &arguments).map(|said| said.trim_end().to_owned())
    }

    fn tool(&self, program: &'static str, options: &[&str]) -> Result<(), Error> {
        let (socket, port) = (self.socket.to_string_lossy().into_owned(), self.port.to_string());
        let place = ["-h", &socket, "-p", &port, "-U", "postgres", &self.name];
        let arguments: Vec<&str> = options.iter().copied().chain(place).collect();
        self.programs.run(program, &arguments).map(drop)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.is_shared {
            let _ = self.tool("dropdb", &["--force", "--if-exists"]);
        }
    }
}
