use std::{convert::Infallible, io::Write as _, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::DeflateEncoder};
use futures_util::{StreamExt, stream};
use http::HeaderValue;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use proptest::prelude::*;
use rstest::rstest;
use tokio::sync::mpsc;

use super::*;
use crate::body::{self, Body, BodyError};

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Brotli, Coding::Deflate, Coding::Zstd];

async fn content(body: Body) -> Result<Bytes, BodyError> {
    body.collect().await.map(|body| body.to_bytes())
}

/// `content` with these codings put on one after the other.
async fn coded(content_bytes: &[u8], codings: &[Coding]) -> Bytes {
    let mut bytes = Bytes::copy_from_slice(content_bytes);
    for &coding in codings {
        bytes = content(recoded(body::full(bytes), &[], Some(coding)))
            .await
            .unwrap();
    }
    bytes
}

/// A body that arrives in pieces of this size.
fn pieces(content: &Bytes, size: usize) -> Body {
    let pieces: Vec<_> = content
        .chunks(size)
        .map(|piece| Ok::<_, Infallible>(Frame::data(content.slice_ref(piece))))
        .collect();
    body::stream(StreamBody::new(stream::iter(pieces)))
}

fn in_runtime<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(task)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_any_codings_put_on_they_take_off(
        bytes in proptest::collection::vec(0_u8..4, 0..3000),
        codings in proptest::collection::vec(proptest::sample::select(ALL.to_vec()), 0..=MOST_CODINGS),
        size in 1_usize..600,
        applied in proptest::option::of(proptest::sample::select(ALL.to_vec())),
    ) {
        in_runtime(async {
            let packed = coded(&bytes, &codings).await;
            let again = content(recoded(pieces(&packed, size), &codings, applied)).await.unwrap();
            let undone: Vec<_> = applied.into_iter().collect();
            let found = content(recoded(body::full(again), &undone, None)).await.unwrap();
            prop_assert_eq!(found, bytes);
            Ok(())
        })?;
    }

    #[test]
    fn nonsense_ends_in_an_error_and_never_in_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 1..200),
        coding in proptest::sample::select(ALL.to_vec()),
    ) {
        // A short nonsense may be right by chance; that is all right, too.
        // A few bytes may also unpack to more than a test should hold.
        let mut body = recoded(body::full(bytes), &[coding], None);
        in_runtime(async {
            for _ in 0..64 {
                match body.frame().await {
                    Some(Err(error)) => prop_assert!(error.is::<CodingError>(), "{error}"),
                    Some(Ok(_)) => {}
                    None => break,
                }
            }
            Ok(())
        })?;
    }
}

#[rstest]
#[tokio::test]
async fn a_body_cut_short_is_an_error(
    #[values(Coding::Gzip, Coding::Brotli, Coding::Deflate, Coding::Zstd)] coding: Coding,
) {
    let text: Vec<u8> = (0..5000_u32).flat_map(u32::to_le_bytes).collect();
    let packed = coded(&text, &[coding]).await;
    let cut = packed.slice(..packed.len() - 10);
    let error = content(recoded(body::full(cut), &[coding], None))
        .await
        .unwrap_err();
    let expected = format!("the body cannot be decoded as {coding}");
    assert_eq!(error.to_string(), expected);
}

#[rstest]
#[tokio::test]
async fn a_body_without_content_is_in_every_coding(
    #[values(Coding::Gzip, Coding::Brotli, Coding::Deflate, Coding::Zstd)] coding: Coding,
) {
    let body = recoded(body::empty(), &[coding], None);
    assert_eq!(content(body).await.unwrap(), "");
}

#[tokio::test]
async fn deflate_is_read_without_its_zlib_header_too() {
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
    raw.write_all(b"some content").unwrap();
    let raw = Bytes::from(raw.finish().unwrap());
    for size in [1, 2, 100] {
        let body = recoded(pieces(&raw, size), &[Coding::Deflate], None);
        assert_eq!(content(body).await.unwrap(), "some content");
    }
}

#[rstest]
#[case::gzip(Coding::Gzip)]
#[case::zstd(Coding::Zstd)]
#[tokio::test]
async fn several_members_are_one_content(#[case] coding: Coding) {
    let mut packed = coded(b"one ", &[coding]).await.to_vec();
    packed.extend_from_slice(&coded(b"two", &[coding]).await);
    let body = recoded(body::full(packed), &[coding], None);
    assert_eq!(content(body).await.unwrap(), "one two");
}

#[rstest]
#[tokio::test]
async fn trailers_and_faults_of_the_source_stay(
    #[values(Coding::Gzip, Coding::Brotli, Coding::Deflate, Coding::Zstd)] coding: Coding,
    #[values(true, false)] breaks: bool,
) {
    let packed = coded(b"content", &[coding]).await;
    let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"a\""))]);
    let end = if breaks {
        Err(BodyError::from("lost"))
    } else {
        Ok(Frame::trailers(trailers.clone()))
    };
    let frames = stream::iter([Ok(Frame::data(packed)), end]);
    let body = recoded(body::stream(StreamBody::new(frames)), &[coding], None);
    match body.collect().await {
        Ok(whole) => {
            assert!(!breaks);
            assert_eq!(whole.trailers(), Some(&trailers));
        }
        Err(error) => {
            assert!(breaks);
            assert_eq!(error.to_string(), "lost");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_body_that_breaks_off_does_so_behind_what_came_before(
    #[values(None, Some(Coding::Gzip), Some(Coding::Brotli))] from: Option<Coding>,
    #[values(Coding::Gzip, Coding::Brotli, Coding::Deflate, Coding::Zstd)] to: Coding,
) {
    let frames = stream::iter([
        Ok(Frame::data(Bytes::from_static(b"half of it"))),
        Err(BodyError::from("lost")),
    ]);
    let mut broken = body::stream(StreamBody::new(frames));
    if from.is_some() {
        broken = recoded(broken, &[], from);
    }
    let undone: Vec<_> = from.into_iter().collect();
    let mut read = recoded(recoded(broken, &undone, Some(to)), &[to], None);
    let mut found = Vec::new();
    let error = loop {
        match read.frame().await.unwrap() {
            Ok(frame) => found.extend_from_slice(frame.data_ref().unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "lost");
    assert_eq!(String::from_utf8(found).unwrap(), "half of it");
}

/// An event reaches the visitor before the next is made: nothing waits for a buffer to fill.
#[rstest]
#[tokio::test]
async fn what_has_come_is_passed_on(
    #[values(Coding::Gzip, Coding::Brotli, Coding::Deflate, Coding::Zstd)] from: Coding,
    #[values(None, Some(Coding::Gzip), Some(Coding::Brotli), Some(Coding::Zstd))] to: Option<
        Coding,
    >,
) {
    let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
    let events = stream::unfold(receiver, |mut receiver| async {
        let event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(event)), receiver))
    });
    let events = body::stream(StreamBody::new(events.boxed()));
    // Packed here as an origin does that flushes after each event.
    let packed = recoded(events, &[], Some(from));
    let recoded_body = recoded(packed, &[from], to);
    let undone: Vec<_> = to.into_iter().collect();
    let mut read = recoded(recoded_body, &undone, None);
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        sender.send(Bytes::from_static(event.as_bytes())).unwrap();
        let mut found = Vec::new();
        while found.len() < event.len() {
            let frame = tokio::time::timeout(Duration::from_secs(10), read.frame()).await;
            let frame = frame.expect("it was passed on").unwrap().unwrap();
            found.extend_from_slice(frame.data_ref().unwrap());
        }
        assert_eq!(found, event.as_bytes());
    }
    drop(sender);
    assert!(read.frame().await.is_none());
}

/// What unpacks to a gigabyte is never held: pieces are as small as the buffer of a layer, and the source is asked for
/// more only when they are taken.
#[tokio::test]
async fn a_bomb_goes_off_piece_by_piece() {
    let zeros = vec![0; 1 << 20];
    let member = coded(&zeros, &[Coding::Gzip]).await;
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&taken);
    let members = stream::repeat_with(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, Infallible>(Frame::data(member.clone()))
    });
    let mut body = recoded(
        body::stream(StreamBody::new(members.take(1024))),
        &[Coding::Gzip],
        None,
    );
    let mut unpacked = 0;
    while unpacked < 8 << 20 {
        let frame = body.frame().await.unwrap().unwrap();
        let length = frame.data_ref().unwrap().len();
        assert!(length <= 64 * 1024, "{length} bytes at once");
        unpacked += length;
    }
    assert!(taken.load(std::sync::atomic::Ordering::Relaxed) <= 9);
}

#[rstest]
#[case::none(&[], Ok(vec![]))]
#[case::one(&["gzip"], Ok(vec![Coding::Gzip]))]
#[case::in_order(&["br, GZIP", "zstd"], Ok(vec![Coding::Brotli, Coding::Gzip, Coding::Zstd]))]
#[case::no_coding(&["identity, , x-gzip"], Ok(vec![Coding::Gzip]))]
#[case::unknown(&["gzip, compress"], Err(UnknownCoding::Name("compress".to_owned())))]
#[case::too_many(&["gzip,gzip,gzip,gzip,gzip,gzip"], Err(UnknownCoding::TooMany))]
fn the_codings_of_a_head_are_read(
    #[case] values: &[&str],
    #[case] expected: Result<Vec<Coding>, UnknownCoding>,
) {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
    }
    assert_eq!(codings(&headers), expected);
}

#[tokio::test]
async fn what_follows_a_gzip_file_is_passed_over() {
    let mut text = coded(b"some text", &[Coding::Gzip]).await.to_vec();
    text.extend(b"junk");
    for size in [1, 1000] {
        let body = recoded(pieces(&text.clone().into(), size), &[Coding::Gzip], None);
        assert_eq!(content(body).await.unwrap(), "some text");
    }
}
