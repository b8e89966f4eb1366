//! From bytes to text: decompression within bounds, and UTF-8.

use std::io::Read;

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use serde::Serialize;

use crate::MAX_BYTES;
use crate::error::CsvError;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), one or more members.
    Gzip,
    /// Zstandard (RFC 8878), one or more frames.
    Zstd,
}

/// The text of a file, without byte order mark.
pub(crate) fn text(bytes: &[u8]) -> Result<(String, Compression), CsvError> {
    if bytes.len() > MAX_BYTES {
        return Err(CsvError::TooLarge);
    }
    let (plain, compression) = match bytes {
        [0x1f, 0x8b, ..] => (gzip(bytes)?, Compression::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => (zstd(bytes)?, Compression::Zstd),
        _ => (bytes.to_vec(), Compression::None),
    };
    let text = String::from_utf8(plain).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|b| **b == b'\n').count() as u64;
        CsvError::Encoding { line }
    })?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    Ok((text, compression))
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, CsvError> {
    let broken = |error: std::io::Error| CsvError::Compression { kind: "gzip", problem: error.to_string() };
    let mut plain = Vec::new();
    take(flate2::read::MultiGzDecoder::new(bytes), &mut plain, broken)?;
    Ok(plain)
}

fn zstd(mut bytes: &[u8]) -> Result<Vec<u8>, CsvError> {
    let broken = |problem: &dyn std::fmt::Display| CsvError::Compression { kind: "zstd", problem: problem.to_string() };
    let mut plain = Vec::new();
    // A file may have several frames, and some that are to be skipped (RFC 8878, 3.1).
    while !bytes.is_empty() {
        let mut frame = FrameDecoder::new();
        // The window is reserved before a byte is decoded.
        frame.set_max_window_size(MAX_BYTES as u64);
        let mut decoder = match StreamingDecoder::new_with_decoder(&mut bytes, frame) {
            Ok(decoder) => decoder,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = length as usize;
                bytes = bytes.get(length..).ok_or_else(|| broken(&"a frame ends early"))?;
                continue;
            }
            Err(error) => return Err(broken(&error)),
        };
        take(&mut decoder, &mut plain, |error| broken(&error))?;
        let frame = decoder.into_frame_decoder();
        let stated = frame.get_checksum_from_data();
        if stated.is_some() && stated != frame.get_calculated_checksum() {
            return Err(broken(&"its checksum is of other data"));
        }
    }
    Ok(plain)
}

/// Reads to the end, or to one byte more than allowed, which tells a file that is too large.
fn take(from: impl Read, plain: &mut Vec<u8>, broken: impl Fn(std::io::Error) -> CsvError) -> Result<(), CsvError> {
    let room = (MAX_BYTES - plain.len()) as u64;
    from.take(room + 1).read_to_end(plain).map_err(broken)?;
    if plain.len() > MAX_BYTES { Err(CsvError::TooLarge) } else { Ok(()) }
}
