//! Reads bodies. In: a stream of chunks. Out: the whole body. Never more than the limit and never longer than the timeout; all bodies together
//! never use more than the configured memory.

mod unproven;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use self::unproven::{Place, Unproven};

/// The first reservation. It is doubled as the body arrives: announcing a size costs no memory.
const FIRST: usize = 8 * 1024;
/// The interval at which a body that waits for memory looks for others to evict.
const MAKE_ROOM_EVERY: Duration = Duration::from_millis(100);
/// How long a body may wait for memory, in total. All its bytes may have been sent by then, and the response is due within 8 s of the last one.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(1);
/// For how long, and how many bytes are read and discarded after an early refusal.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);
const DISCARD_BYTES: usize = 32 * 1024 * 1024;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed, announced or sent.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// Too slow, in total or while others needed the memory.
    #[error("the body did not arrive in time")]
    Timeout,
    /// The peer closed the connection, or its chunks are malformed.
    #[error("the body is incomplete or malformed")]
    Broken(#[source] warp::Error),
    /// Too many bodies at the same time.
    #[error("too many bodies are being received; send it again")]
    NoMemory,
}

/// The limits of one listener.
#[derive(Clone)]
pub struct BodyLimits {
    /// Largest body, in bytes.
    pub max_bytes: usize,
    /// The timeout from the first to the last byte of a body.
    pub timeout: Duration,
    /// Memory for bodies whose sender is proven by a token, in KiB.
    proven: Arc<Semaphore>,
    /// Memory for bodies whose signature can only be checked after they have arrived, in KiB. Senders of forged signatures cannot use the memory
    /// for proven senders.
    unproven: Arc<Semaphore>,
    arriving: Unproven,
    reserved: IntGauge,
}

/// Whether the sender of a body is known before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// By its token.
    Proven,
    /// Not before the signature over the body is checked; the address of the connection.
    Unproven(IpAddr),
}

/// A body in memory, with its reservation.
pub struct Body {
    /// The bytes.
    pub bytes: Bytes,
    _memory: Memory,
}

/// Memory that is released when it is dropped.
struct Memory {
    permits: Vec<OwnedSemaphorePermit>,
    bytes: usize,
    /// When this body stops waiting for memory; set when it first waits.
    give_up_at: Option<Instant>,
    reserved: IntGauge,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.permits.clear();
        self.reserved.sub(self.bytes as i64);
    }
}

impl BodyLimits {
    /// Limits that share `memory_mib` MiB, half of it for proven senders; `reserved` shows how much is in use.
    pub fn new(max_bytes: usize, timeout: Duration, memory_mib: u32, reserved: IntGauge) -> BodyLimits {
        let half = || Arc::new(Semaphore::new(memory_mib as usize * 512));
        let arriving = Unproven::default();
        BodyLimits { max_bytes, timeout, proven: half(), unproven: half(), arriving, reserved }
    }

    /// Reads a body. `announced` is its `Content-Length`, if it has one.
    pub async fn read<S, B>(
        &self,
        stream: S,
        announced: Option<u64>,
        sender: Sender,
    ) -> Result<Body, BodyError>
    where
        S: Stream<Item = Result<B, warp::Error>> + Send,
        B: Buf,
    {
        let deadline = Instant::now() + self.timeout;
        let announced = usize::try_from(announced.unwrap_or(0)).unwrap_or(usize::MAX);
        if announced > self.max_bytes {
            return Err(BodyError::TooLarge(self.max_bytes));
        }
        let place = match sender {
            Sender::Proven => None,
            Sender::Unproven(address) => Some(self.arriving.enter(address)),
        };
        let mut stream = std::pin::pin!(stream);
        let mut memory =
            Memory { permits: Vec::new(), bytes: 0, give_up_at: None, reserved: self.reserved.clone() };
        let mut body = BytesMut::new();
        loop {
            let Some(chunk) = next(stream.as_mut(), deadline, place.as_ref(), body.len()).await? else {
                break;
            };
            let mut chunk = chunk.map_err(BodyError::Broken)?;
            let length = body.len() + chunk.remaining();
            if length > self.max_bytes {
                return Err(BodyError::TooLarge(self.max_bytes));
            }
            if length > memory.bytes {
                let whole = if announced == 0 { self.max_bytes } else { announced };
                let ahead = (2 * memory.bytes).clamp(FIRST, whole.max(FIRST));
                let step = (ahead.max(length) - memory.bytes).next_multiple_of(1024);
                if let Some(place) = &place {
                    place.has(length, memory.bytes);
                }
                self.reserve(&mut memory, step, place.as_ref()).await?;
                body.reserve(memory.bytes - body.len());
            }
            if let Some(place) = &place {
                place.has(length, memory.bytes);
            }
            while chunk.has_remaining() {
                let part = chunk.chunk();
                body.extend_from_slice(part);
                let taken = part.len();
                chunk.advance(taken);
            }
        }
        Ok(Body { bytes: body.freeze(), _memory: memory })
    }

    async fn reserve(
        &self,
        memory: &mut Memory,
        bytes: usize,
        place: Option<&Place>,
    ) -> Result<(), BodyError> {
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).map_err(|_| BodyError::NoMemory)?;
        let pool = match place {
            None => &self.proven,
            Some(_) => &self.unproven,
        };
        let permit = match pool.clone().try_acquire_many_owned(kibibytes) {
            Ok(permit) => permit,
            Err(_) => {
                let give_up_at = *memory.give_up_at.get_or_insert_with(|| Instant::now() + MEMORY_TIMEOUT);
                let waiting = tokio::time::timeout_at(give_up_at, pool.clone().acquire_many_owned(kibibytes));
                let mut waiting = std::pin::pin!(waiting);
                loop {
                    if let Some(place) = place {
                        place.make_room(bytes);
                    }
                    tokio::select! {
                        acquired = waiting.as_mut() => {
                            break acquired.map_err(|_| BodyError::NoMemory)?.map_err(|_| BodyError::NoMemory)?;
                        }
                        // Meanwhile others may have stalled.
                        () = tokio::time::sleep(MAKE_ROOM_EVERY) => (),
                    }
                }
            }
        };
        memory.permits.push(permit);
        memory.bytes += bytes;
        self.reserved.add(bytes as i64);
        Ok(())
    }
}

/// The next chunk, if it arrives before the deadline. An unproven body also ends if its rate is too low or a faster body needs its memory.
async fn next<S: Stream + Unpin>(
    mut stream: S,
    deadline: Instant,
    place: Option<&Place>,
    received: usize,
) -> Result<Option<S::Item>, BodyError> {
    let Some(place) = place else {
        return tokio::time::timeout_at(deadline, stream.next()).await.map_err(|_| BodyError::Timeout);
    };
    let deadline = deadline.min(place.patience(received));
    tokio::select! {
        chunk = tokio::time::timeout_at(deadline, stream.next()) => chunk.map_err(|_| BodyError::Timeout),
        () = place.end.cancelled() => Err(BodyError::Timeout),
    }
}

/// Reads and discards for a moment, so that a peer that is still sending receives the response instead of a reset connection: GitLab shows it to
/// whoever has to repair the hook.
pub async fn discard<S, B>(stream: S)
where
    S: Stream<Item = Result<B, warp::Error>> + Send,
    B: Buf,
{
    let mut stream = std::pin::pin!(stream);
    let mut discarded = 0;
    let reading = async {
        while let Some(Ok(chunk)) = stream.next().await {
            discarded += chunk.remaining();
            if discarded > DISCARD_BYTES {
                break;
            }
        }
    };
    // The response is the same, whether everything arrived or not.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, reading).await;
}
