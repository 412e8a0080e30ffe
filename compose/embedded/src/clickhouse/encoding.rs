//! HTTP's own compression of bodies: `Content-Encoding` of requests, `Accept-Encoding` for answers.
//! In: a header's value; bytes. Out: an encoding; a reader of plain bytes, or packed ones.
//! Never: an encoding that the client did not name.

use std::io::{self, Read, Write};

use brotli::{CompressorWriter, Decompressor};
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use lz4_flex::frame::{FrameDecoder, FrameEncoder};

use super::fault::{Fault, Refusal};

/// Buffer size, quality and window of brotli: answers stay on this machine, so speed matters most.
const BROTLI: (usize, u32, u32) = (64 << 10, 3, 22);
/// Compression level of zstd.
const ZSTD_LEVEL: i32 = 1;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all.
    #[default]
    Identity,
    /// gzip.
    Gzip,
    /// deflate, with zlib's header.
    Deflate,
    /// The LZ4 frame format.
    Lz4,
    /// brotli.
    Brotli,
    /// zstd.
    Zstd,
}

impl Encoding {
    /// Reads `Content-Encoding` of a request.
    ///
    /// # Errors
    /// An encoding that is not supported.
    pub(super) fn parse(value: &str) -> Result<Self, Fault> {
        Self::named(value).ok_or_else(|| {
            Fault::refuse(
                Refusal::MediaType,
                format_args!(
                    "Content-Encoding '{}' of a request is not supported by the embedded ClickHouse; \
                     send identity, gzip, deflate, br, zstd or lz4",
                    value.trim()
                ),
            )
        })
    }

    /// Chooses an encoding of the answer by `Accept-Encoding`, in ClickHouse's order of preference.
    #[must_use]
    pub(super) fn accepted(value: &str) -> Self {
        let offered: Vec<Self> = value
            .split(',')
            .filter_map(|offer| {
                let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
                let is_refused = matches!(weight.trim().strip_prefix("q=").map(str::parse), Some(Ok(0.0)));
                Self::named(name).filter(|_| !is_refused)
            })
            .collect();
        [Self::Brotli, Self::Lz4, Self::Gzip, Self::Deflate, Self::Zstd]
            .into_iter()
            .find(|encoding| offered.contains(encoding))
            .unwrap_or_default()
    }

    fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "lz4" => Some(Self::Lz4),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its name in `Content-Encoding`; `None` for no encoding.
    #[must_use]
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
            Self::Lz4 => Some("lz4"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// A body with its encoding undone.
pub(super) enum Decoded<R: Read> {
    /// Without encoding.
    Identity(R),
    /// gzip, of one member or several.
    Gzip(MultiGzDecoder<R>),
    /// deflate.
    Deflate(ZlibDecoder<R>),
    /// LZ4.
    Lz4(Box<FrameDecoder<R>>),
    /// brotli.
    Brotli(Box<Decompressor<R>>),
    /// zstd.
    Zstd(zstd::stream::read::Decoder<'static, io::BufReader<R>>),
}

impl<R: Read> Decoded<R> {
    /// Starts at the body's first byte.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(super) fn new(source: R, encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Identity => Self::Identity(source),
            Encoding::Gzip => Self::Gzip(MultiGzDecoder::new(source)),
            Encoding::Deflate => Self::Deflate(ZlibDecoder::new(source)),
            Encoding::Lz4 => Self::Lz4(Box::new(FrameDecoder::new(source))),
            Encoding::Brotli => Self::Brotli(Box::new(Decompressor::new(source, BROTLI.0))),
            Encoding::Zstd => Self::Zstd(zstd::stream::read::Decoder::new(source)?),
        })
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Identity(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
            Self::Deflate(reader) => reader.read(buffer),
            Self::Lz4(reader) => reader.read(buffer),
            Self::Brotli(reader) => reader.read(buffer),
            Self::Zstd(reader) => reader.read(buffer),
        }
    }
}

/// Encodes an answer, piece by piece: each can be read as soon as it arrives.
pub(super) enum Encoder {
    /// Without encoding.
    Identity(Vec<u8>),
    /// gzip.
    Gzip(GzEncoder<Vec<u8>>),
    /// deflate.
    Deflate(ZlibEncoder<Vec<u8>>),
    /// LZ4.
    Lz4(Box<FrameEncoder<Vec<u8>>>),
    /// brotli.
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    /// zstd.
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// An encoder at its beginning.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(super) fn new(encoding: Encoding) -> io::Result<Self> {
        let out = Vec::new();
        Ok(match encoding {
            Encoding::Identity => Self::Identity(out),
            Encoding::Gzip => Self::Gzip(GzEncoder::new(out, Compression::fast())),
            Encoding::Deflate => Self::Deflate(ZlibEncoder::new(out, Compression::fast())),
            Encoding::Lz4 => Self::Lz4(Box::new(FrameEncoder::new(out))),
            Encoding::Brotli => {
                let (buffer, quality, window) = BROTLI;
                Self::Brotli(Box::new(CompressorWriter::new(out, buffer, quality, window)))
            }
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?),
        })
    }

    /// Encodes a piece, so that it can be decoded completely from what this and earlier calls returned.
    ///
    /// # Errors
    /// The encoder fails.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        fn through(writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
            writer.write_all(bytes)?;
            writer.flush()
        }
        let out = match self {
            Self::Identity(out) => {
                out.extend_from_slice(bytes);
                out
            }
            Self::Gzip(writer) => {
                through(writer, bytes)?;
                writer.get_mut()
            }
            Self::Deflate(writer) => {
                through(writer, bytes)?;
                writer.get_mut()
            }
            Self::Lz4(writer) => {
                through(writer, bytes)?;
                writer.get_mut()
            }
            Self::Brotli(writer) => {
                through(writer, bytes)?;
                writer.get_mut()
            }
            Self::Zstd(writer) => {
                through(writer, bytes)?;
                writer.get_mut()
            }
        };
        Ok(std::mem::take(out))
    }

    /// Ends the encoding.
    ///
    /// # Errors
    /// The encoder fails.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity(out) => Ok(out),
            Self::Gzip(writer) => writer.finish(),
            Self::Deflate(writer) => writer.finish(),
            Self::Lz4(writer) => writer.finish().map_err(io::Error::other),
            Self::Brotli(writer) => Ok(writer.into_inner()),
            Self::Zstd(writer) => writer.finish(),
        }
    }
}

#[cfg(test)]
mod tests;
