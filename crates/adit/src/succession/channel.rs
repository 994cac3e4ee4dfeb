//! The connection between two servers on one machine: lines of JSON, and open sockets beside them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;

/// Sockets in one message; a server has five.
const MOST_SOCKETS: usize = 16;

/// Bytes of a line: the ids of ten thousand connectors and more.
const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// Bytes that are read at a time.
const READ: usize = 4096;

/// One end.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
    heard: Vec<u8>,
    sockets: Vec<OwnedFd>,
}

impl Channel {
    pub(super) const fn new(stream: UnixStream) -> Self {
        Self { stream, heard: Vec::new(), sockets: Vec::new() }
    }

    /// Whether this user's process is at the other end.
    pub(super) fn is_of_this_user(&self) -> io::Result<bool> {
        Ok(self.stream.peer_cred()?.uid() == rustix::process::geteuid().as_raw())
    }

    /// Says something, and gives sockets with it.
    pub(super) async fn say(&mut self, message: &impl Serialize, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let stream = &self.stream;
        let send = || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            if !sockets.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(sockets)) {
                return Err(io::Error::other("more sockets than a message takes"));
            }
            Ok(sendmsg(stream, &[IoSlice::new(&line)], &mut beside, SendFlags::NOSIGNAL)?)
        };
        let sent = self.stream.async_io(Interest::WRITABLE, send).await?;
        // Sockets go with the first byte.
        self.stream.write_all(line.get(sent..).unwrap_or_default()).await
    }

    /// Hears the next thing said; the sockets that come with it are [taken](Self::take_sockets) after it.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other end is gone; what cannot be understood.
    pub(super) async fn hear<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.heard.len() > LONGEST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line that is too long"));
            }
            self.read().await?;
        }
    }

    /// The sockets that came so far.
    pub(super) fn take_sockets(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.sockets)
    }

    async fn read(&mut self) -> io::Result<()> {
        let Self { stream, heard, sockets } = self;
        let count = stream.async_io(Interest::READABLE, || receive(stream, heard, sockets)).await?;
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn receive(stream: &UnixStream, heard: &mut Vec<u8>, sockets: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut bytes = [0; READ];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            sockets.extend(given);
        }
    }
    heard.extend_from_slice(bytes.get(..received.bytes).unwrap_or_default());
    Ok(received.bytes)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd as _;

    use super::*;

    #[tokio::test]
    async fn what_is_said_is_heard_and_a_socket_that_goes_with_it_is_the_same_socket() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut here, mut there) = (Channel::new(here), Channel::new(there));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let long = "x".repeat(3 * READ);
        here.say(&"first", &[]).await.unwrap();
        here.say(&long, &[listener.as_fd()]).await.unwrap();
        drop(listener);
        assert_eq!(there.hear::<String>().await.unwrap(), "first");
        assert_eq!(there.hear::<String>().await.unwrap(), long);
        let given: Vec<TcpListener> = there.take_sockets().into_iter().map(TcpListener::from).collect();
        assert_eq!(given.len(), 1);
        assert_eq!(given[0].local_addr().unwrap(), address);
        std::net::TcpStream::connect(address).unwrap();
        assert!(there.is_of_this_user().unwrap());
        drop(here);
        let gone = there.hear::<String>().await.unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::UnexpectedEof);
    }
}
