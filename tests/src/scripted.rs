//! A private application whose every byte a test decides: each connection is handed to a function of the test.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long a script waits for bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running scripted application; it runs until the test program ends.
pub struct Scripted {
    address: SocketAddr,
}

impl Scripted {
    /// Runs `script` for each connection, on a thread of its own; what it returns is not looked at.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start(script: impl Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener for the private application");
        let address = listener.local_addr().expect("its address");
        let script = Arc::new(script);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let script = script.clone();
                thread::spawn(move || script(&mut Wire::new(socket)?));
            }
        });
        Self { address }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

/// One connection of a script.
pub struct Wire {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Wire {
    fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { reader: BufReader::new(socket.try_clone()?), writer: socket })
    }

    /// A request's head, as it came, without the empty line.
    ///
    /// # Errors
    /// When the connection ends before the head does.
    pub fn head(&mut self) -> io::Result<String> {
        self.lines_until_empty()
    }

    /// Lines until an empty one, which is a head or trailers.
    ///
    /// # Errors
    /// When the connection ends before that.
    pub fn lines_until_empty(&mut self) -> io::Result<String> {
        let mut text = String::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(text);
            }
            text.push_str(&line);
            text.push('\n');
        }
    }

    /// One line without its end.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Exactly `length` bytes.
    ///
    /// # Errors
    /// When the connection ends before that.
    pub fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether nothing comes for as long as this.
    ///
    /// # Errors
    /// When the socket does not take the limit.
    pub fn is_silent_for(&mut self, time: Duration) -> io::Result<bool> {
        self.writer.set_read_timeout(Some(time))?;
        let silent = match self.reader.fill_buf() {
            Ok(_) => false,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        };
        self.writer.set_read_timeout(Some(PATIENCE))?;
        Ok(silent)
    }

    /// Whether the other side closes, within as long as this.
    ///
    /// # Errors
    /// When the socket does not take the limit.
    pub fn is_closed_within(&mut self, time: Duration) -> io::Result<bool> {
        self.writer.set_read_timeout(Some(time))?;
        let mut rest = Vec::new();
        let ended = self.reader.read_to_end(&mut rest);
        Ok(match ended {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        })
    }

    /// Writes and sends.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())
    }
}
