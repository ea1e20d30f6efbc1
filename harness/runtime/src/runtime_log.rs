//! The log of one runtime: follows its pipes, and can be read when the runtime has ended.

use std::{
    future::poll_fn,
    io,
    os::fd::{AsFd, OwnedFd},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use edgeproof_ground::memory::{Latest, Memory};
use rustix::io::ioctl_fionread;
use tokio::{
    io::{AsyncBufRead, AsyncRead, BufReader},
    sync::{Notify, watch},
};

use super::{
    log::{LogLevel, LogLine, LogReader, LogSource, Read},
    source_maps::SourceMaps,
};

/// How long the runtime may take to say why it answered with status 500; it says it before it answers.
const WORD_OF_FAILURE: Duration = Duration::from_millis(500);

/// Bytes of one line that are kept.
const LINE: usize = 256 * 1024;

/// Lines that a follower gets at a time.
const AT_ONCE: usize = 64;

/// The lines that a runtime has written so far. Clones share them, and outlive the runtime.
#[derive(Clone, Debug)]
pub struct RuntimeLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lines: Latest<LogLine>,
    /// Exceptions that failed a request, as they were thrown, and of which no request has been told yet.
    failed: Latest<(Instant, String)>,
    /// Who is woken by each line that comes.
    follower: Mutex<Option<Arc<Notify>>>,
    /// How many bytes were read from the pipes: a reader can wait for more.
    read: watch::Sender<u64>,
    maps: Arc<SourceMaps>,
    pipes: Mutex<Vec<OwnedFd>>,
}

impl RuntimeLog {
    pub(super) fn new(maps: Arc<SourceMaps>, memory: &Memory) -> Self {
        Self(Arc::new(Shared {
            lines: Latest::new(memory),
            failed: Latest::new(memory),
            follower: Mutex::default(),
            read: watch::Sender::new(0),
            maps,
            pipes: Mutex::default(),
        }))
    }

    /// The lines, in the order in which they were written, as far as they are kept.
    pub fn lines(&self) -> Vec<LogLine> {
        self.0.lines.since(0)
    }

    /// How many of the oldest lines are no longer kept.
    pub fn forgotten(&self) -> usize {
        self.0.lines.forgotten()
    }

    /// The lines once everything is among them that the runtime has written before now.
    pub async fn lines_so_far(&self) -> Vec<LogLine> {
        let mut read = self.0.read.subscribe();
        let wanted = {
            let read = self.0.read.borrow();
            let pipes = self.0.pipes();
            let unread = pipes.iter().map(|pipe| ioctl_fionread(pipe).unwrap_or(0));
            *read + unread.sum::<u64>()
        };
        // A pipe whose other end was lost ends the wait too.
        let _ = tokio::time::timeout(WORD_OF_FAILURE, read.wait_for(|read| *read >= wanted)).await;
        self.lines()
    }

    /// Waits until the log holds a line that `wanted` accepts, at most for `limit`.
    pub async fn wait_for(
        &self,
        limit: Duration,
        wanted: impl Fn(&LogLine) -> bool,
    ) -> Option<LogLine> {
        self.until(limit, || self.lines().into_iter().find(&wanted))
            .await
    }

    /// The exception for which this worker answered a request with status 500 that began at `since`, with its stack:
    /// the first that no other request was told. Where several requests fail at the same time in different ways nobody knows
    /// whose it is, so all of them are told.
    pub async fn failure(&self, worker: &str, since: Instant) -> Option<String> {
        let taken = || {
            // Those before are of visitors who hung up.
            let is_later = |(at, _): &(Instant, String)| *at >= since;
            let (_, first) = self.0.failed.remove_first(is_later)?;
            let mut all = vec![first];
            for (_, other) in self.0.failed.since(0).into_iter().filter(is_later) {
                if !all.contains(&other) {
                    all.push(other);
                }
            }
            Some(all)
        };
        let all = self.until(WORD_OF_FAILURE, taken).await?;
        let all = all
            .iter()
            .map(|thrown| self.0.maps.mapped(Some(worker), thrown));
        Some(
            all.collect::<Vec<_>>()
                .join("\nor, of a request at the same time: "),
        )
    }

    /// From now on each line that comes wakes this one.
    pub fn wake(&self, follower: &Arc<Notify>) {
        *self.0.follower() = Some(Arc::clone(follower));
        follower.notify_one();
    }

    /// Some lines after the first `count`, each with its number, as far as they are kept.
    pub fn lines_after(&self, count: usize) -> Vec<(usize, LogLine)> {
        self.0.lines.numbered(count, AT_ONCE)
    }

    /// What the runtime complained of, for an error message.
    pub(super) fn texts(&self) -> Vec<String> {
        let lines = self.lines().into_iter();
        lines
            .filter(|line| line.level >= LogLevel::Warn)
            .map(|line| line.message)
            .collect()
    }

    /// Keeps what comes out of a pipe, until its end.
    pub(super) fn follow(&self, pipe: impl AsyncRead + AsFd + Send + Unpin + 'static) {
        if let Ok(copy) = pipe.as_fd().try_clone_to_owned() {
            self.0.pipes().push(copy);
        }
        let log = self.clone();
        tokio::spawn(async move {
            let mut pipe = BufReader::new(pipe);
            let mut line = Line::default();
            while let Ok(1..) =
                poll_fn(|context| log.0.poll_piece(context, &mut pipe, &mut line)).await
            {
            }
        });
    }

    /// Waits until the pipes of an ended process have been read to their end: their tasks hold the only
    /// other handles on the lines.
    pub(super) async fn settled(&self) {
        while Arc::strong_count(&self.0) > 1 {
            tokio::task::yield_now().await;
        }
    }

    async fn until<T>(&self, limit: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
        let mut read = self.0.read.subscribe();
        let search = async {
            loop {
                read.borrow_and_update();
                if let Some(found) = found() {
                    return Some(found);
                }
                read.changed().await.ok()?;
            }
        };
        tokio::time::timeout(limit, search).await.ok().flatten()
    }
}

/// A line that comes in pieces, and what the lines before it told.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    reader: LogReader,
}

impl Shared {
    /// Reads what is there and says how many bytes that were. Nobody else sees a moment in which a piece has left the
    /// pipe and is not yet among the lines.
    fn poll_piece(
        &self,
        context: &mut Context<'_>,
        pipe: &mut BufReader<impl AsyncRead + Unpin>,
        line: &mut Line,
    ) -> Poll<io::Result<usize>> {
        let mut polled = Poll::Pending;
        self.read.send_if_modified(|read| {
            polled = Pin::new(&mut *pipe).poll_fill_buf(context).map_ok(|piece| {
                self.take(piece, line);
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

    fn take(&self, piece: &[u8], line: &mut Line) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(line.bytes.len()).min(part.len());
            line.bytes.extend_from_slice(&part[..room]);
            if part.ends_with(b"\n") {
                let whole = std::mem::take(&mut line.bytes);
                let whole = String::from_utf8_lossy(&whole);
                self.push(line.reader.read(whole.trim_end()));
            }
        }
    }

    fn push(&self, read: Read) {
        match read {
            Read::Line(mut line) => {
                if line.source == LogSource::Exception {
                    line.message = self.maps.mapped(None, &line.message);
                }
                let bytes = size_of::<LogLine>() + line.message.len();
                self.lines.push(line, bytes);
                if let Some(follower) = &*self.follower() {
                    follower.notify_one();
                }
            }
            Read::Failed(exception) => {
                let bytes = size_of::<(Instant, String)>() + exception.len();
                self.failed.push((Instant::now(), exception), bytes);
            }
            Read::Nothing => {}
        }
    }

    fn follower(&self) -> MutexGuard<'_, Option<Arc<Notify>>> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pipes(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
