//! What an app has printed: the latest of it, line by line, as it can be shown to anybody.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use edgeproof_ground::visible::visible;
use rustix::io::ioctl_fionread;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufRead, AsyncRead, BufReader},
    sync::watch,
};

use super::secrets::Secrets;

/// Bytes that are kept; older lines go.
const KEPT: usize = 64 * 1024;

/// Bytes of one line that are kept.
const LINE: usize = 4 * 1024;

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// A line that an app has printed, without secrets, control characters as symbols.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// Where.
    pub stream: Stream,
    /// The line, without its end.
    pub text: String,
}

impl Printed {
    /// What it takes: an empty line is not nothing.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }
}

/// The lines so far. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Output {
    kept: Arc<Mutex<Kept>>,
    secrets: Arc<Secrets>,
    /// A text that is waited for, and whether it was printed.
    awaited: Option<String>,
    was_printed: Arc<watch::Sender<bool>>,
    /// How many bytes were read from its pipes.
    read: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Printed>,
    bytes: usize,
    /// How many were there before the first that is kept.
    gone: usize,
}

impl Output {
    pub(super) fn new(secrets: Secrets, awaited: Option<String>) -> Self {
        Self {
            kept: Arc::default(),
            secrets: Arc::new(secrets),
            awaited,
            was_printed: Arc::new(watch::Sender::new(false)),
            read: Arc::new(watch::Sender::new(0)),
        }
    }

    /// How many lines were printed so far.
    pub(super) fn count(&self) -> usize {
        let kept = self.kept();
        kept.gone + kept.lines.len()
    }

    /// The lines after the first `count`, as far as they are kept.
    pub(super) fn since(&self, count: usize) -> Vec<Printed> {
        let kept = self.kept();
        let first = count.saturating_sub(kept.gone);
        kept.lines.iter().skip(first).cloned().collect()
    }

    /// What may not be shown.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Waits until the awaited text is printed.
    pub(super) async fn awaited(&self) {
        let mut printed = self.was_printed.subscribe();
        // The sender lives as long as this does.
        let _ = printed.wait_for(|printed| *printed).await;
    }

    /// Keeps what comes out of a pipe, until its end.
    pub(super) async fn follow(self, pipe: impl AsyncRead + Unpin, stream: Stream) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Line::new(LINE + self.secrets.longest());
        while let Ok(1..) =
            poll_fn(|context| self.poll_piece(context, &mut pipe, &mut line, stream)).await
        {
        }
        if !line.bytes.is_empty() {
            self.push(line.take(), stream);
        }
    }

    /// Waits until what was printed before now is among the lines: what is still in these pipes, its own.
    pub(super) async fn caught_up(&self, pipes: &[OwnedFd]) {
        let mut read = self.read.subscribe();
        let wanted = {
            let read = self.read.borrow();
            let unread = pipes.iter().map(|pipe| ioctl_fionread(pipe).unwrap_or(0));
            *read + unread.sum::<u64>()
        };
        // The sender lives as long as this does.
        let _ = read.wait_for(|read| *read >= wanted).await;
    }

    /// Reads what is there and says how many bytes that were. Nobody else sees a moment in which a piece has left the
    /// pipe and is not yet among the lines.
    fn poll_piece(
        &self,
        context: &mut Context<'_>,
        pipe: &mut BufReader<impl AsyncRead + Unpin>,
        line: &mut Line,
        stream: Stream,
    ) -> Poll<io::Result<usize>> {
        let mut polled = Poll::Pending;
        self.read.send_if_modified(|read| {
            polled = Pin::new(&mut *pipe).poll_fill_buf(context).map_ok(|piece| {
                self.take(piece, line, stream);
                piece.len()
            });
            let Poll::Ready(Ok(length)) = polled else {
                return false;
            };
            Pin::new(pipe).consume(length);
            *read += length as u64;
            true
        });
        polled
    }

    fn take(&self, piece: &[u8], line: &mut Line, stream: Stream) {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            line.push(&rest[..end]);
            self.look_at(line);
            self.push(line.take(), stream);
            rest = &rest[end + 1..];
        }
        line.push(rest);
        // A prompt has no end of a line.
        self.look_at(line);
    }

    fn look_at(&self, line: &Line) {
        let Some(awaited) = &self.awaited else { return };
        if !*self.was_printed.borrow()
            && memchr::memmem::find(&line.bytes, awaited.as_bytes()).is_some()
        {
            self.was_printed.send_replace(true);
        }
    }

    fn push(&self, (bytes, left_out): (Vec<u8>, usize), stream: Stream) {
        let line = String::from_utf8_lossy(&bytes);
        let is_cut = left_out > 0;
        let end = if is_cut {
            // A secret that begins here came whole: so much more was kept.
            self.secrets.cut(&line, LINE)
        } else {
            line.trim_end_matches('\r').len()
        };
        let mut text = visible(&self.secrets.hidden_in(&line[..end]));
        if is_cut {
            text.push_str(&format!("… ({} bytes)", bytes.len() + left_out));
        }
        let mut kept = self.kept();
        let line = Printed { stream, text };
        kept.bytes += line.bytes();
        kept.lines.push_back(line);
        while kept.bytes > KEPT
            && let Some(oldest) = kept.lines.pop_front()
        {
            kept.bytes -= oldest.bytes();
            kept.gone += 1;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves the lines whole: at worst a sum is off by one of them.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that comes in pieces, as much of it as is kept.
struct Line {
    bytes: Vec<u8>,
    left_out: usize,
    limit: usize,
}

impl Line {
    fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            left_out: 0,
            limit,
        }
    }

    fn push(&mut self, piece: &[u8]) {
        let room = (self.limit - self.bytes.len()).min(piece.len());
        self.bytes.extend_from_slice(&piece[..room]);
        self.left_out += piece.len() - room;
    }

    fn take(&mut self) -> (Vec<u8>, usize) {
        (
            std::mem::take(&mut self.bytes),
            std::mem::take(&mut self.left_out),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    async fn output(printed: &[u8]) -> Output {
        let env = BTreeMap::from([("API_KEY".to_owned(), "abcdefgh".to_owned())]);
        let output = Output::new(Secrets::of(&env), Some("ready".to_owned()));
        output.clone().follow(printed, Stream::Output).await;
        output
    }

    async fn lines(printed: &[u8]) -> Vec<String> {
        let output = output(printed).await;
        output.since(0).into_iter().map(|line| line.text).collect()
    }

    #[tokio::test]
    async fn lines_are_shown_without_secrets_and_control_characters() {
        assert_eq!(
            lines(b"\x1b[32mup\x1b[0m\r\nthe key is abcdefgh\n\nlast \xff\x07").await,
            ["␛[32mup␛[0m", "the key is [redacted]", "", "last \u{fffd}␇"]
        );
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_no_part_of_a_secret_is_left() {
        for before in LINE - 10..LINE + 10 {
            let mut line = "x".repeat(before).into_bytes();
            line.extend_from_slice(b"abcdefgh");
            line.extend_from_slice(&[b'y'; LINE]);
            let kept = match before {
                fits if fits + 8 <= LINE => {
                    let after = LINE - fits - 8;
                    format!("{}[redacted]{}", "x".repeat(fits), "y".repeat(after))
                }
                _ => "x".repeat(before.min(LINE)),
            };
            let expected = format!("{kept}… ({} bytes)", line.len());
            assert_eq!(lines(&line).await, [expected], "{before}");
        }
    }

    #[tokio::test]
    async fn the_latest_lines_are_kept_and_counted_from_the_first() {
        let printed: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
        let output = output(printed.as_bytes()).await;
        assert_eq!(output.count(), 20_000);
        assert_eq!(output.since(19_999)[0].text, "line 19999");
        let kept = output.since(0);
        assert!(kept.iter().map(Printed::bytes).sum::<usize>() <= KEPT);
        assert!(kept.len() > 1_000, "{}", kept.len());
    }

    #[tokio::test]
    async fn a_text_without_an_end_of_line_is_seen() {
        let (mut near, far) = tokio::io::duplex(64);
        let output = Output::new(Secrets::default(), Some("ready".to_owned()));
        let following = tokio::spawn(output.clone().follow(far, Stream::Error));
        for piece in ["not yet\nalmost re", "ady> "] {
            tokio::io::AsyncWriteExt::write_all(&mut near, piece.as_bytes())
                .await
                .unwrap();
        }
        output.awaited().await;
        drop(near);
        following.await.unwrap();
        assert_eq!(output.count(), 2);
    }
}
