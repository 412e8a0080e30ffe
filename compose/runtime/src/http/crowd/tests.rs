use super::*;

const HEAD: Duration = Duration::from_secs(10);

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn ended(seats: &[Seat]) -> Vec<usize> {
    seats.iter().enumerate().filter(|(_, seat)| seat.ended().is_cancelled()).map(|(index, _)| index).collect()
}

/// Opens one connection from each of these addresses, in this order.
async fn seats(crowd: &Arc<Crowd>, from: &[u8]) -> Vec<Seat> {
    let mut seats = Vec::new();
    for last in from {
        seats.push(crowd.admit(address(*last)).await);
    }
    seats
}

#[tokio::test(start_paused = true)]
async fn the_oldest_that_never_asked_goes_first() {
    let crowd = Crowd::new(4, HEAD);
    let seats = seats(&crowd, &[1, 2, 3, 4]).await;
    seats[0].keeps();
    seats[1].keeps();
    seats[1].owes_next();
    let _fifth = crowd.admit(address(5)).await;
    assert_eq!(ended(&seats), [2]);
    let _sixth = crowd.admit(address(6)).await;
    assert_eq!(ended(&seats), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_is_new_is_read_before_it_gives_way() {
    let crowd = Crowd::new(2, HEAD);
    let began = Instant::now();
    let first = crowd.admit(address(1)).await;
    tokio::time::advance(GRACE / 2).await;
    let second = crowd.admit(address(2)).await;
    let _third = crowd.admit(address(3)).await;
    assert_eq!((began.elapsed(), first.ended().is_cancelled()), (GRACE, true));
    // The request of the second came immediately, and is being answered.
    second.keeps();
    let _fourth = crowd.admit(address(4)).await;
    assert_eq!((began.elapsed(), second.ended().is_cancelled()), (2 * GRACE, false));
}

#[tokio::test(start_paused = true)]
async fn a_connection_between_requests_goes_before_a_body_and_an_answer_never() {
    let crowd = Crowd::new(3, HEAD);
    let seats = seats(&crowd, &[1, 2, 3]).await;
    seats[0].owes_body();
    seats[1].keeps();
    seats[1].owes_next();
    seats[2].keeps();
    let fourth = crowd.admit(address(4)).await;
    fourth.keeps();
    let fifth = crowd.admit(address(5)).await;
    fifth.keeps();
    assert_eq!(ended(&seats), [0, 1]);
    // All are being answered: the next one waits until one of them ends.
    let waiting = tokio::spawn({
        let crowd = crowd.clone();
        async move { crowd.admit(address(6)).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(fifth);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_address_with_the_most_gives_way() {
    let crowd = Crowd::new(5, HEAD);
    let seats = seats(&crowd, &[1, 2, 2, 2, 3]).await;
    let _more = crowd.admit(address(4)).await;
    assert_eq!(ended(&seats), [1]);
}

#[tokio::test(start_paused = true)]
async fn one_address_keeps_half_of_the_places_at_most() {
    let crowd = Crowd::new(100, HEAD);
    let mut seats = seats(&crowd, &[1; 60]).await;
    assert!(ended(&seats).is_empty(), "all are new");
    tokio::time::advance(GRACE).await;
    seats.push(crowd.admit(address(1)).await);
    assert_eq!(seats.len() - ended(&seats).len(), 51, "half, and the newest");
}

#[tokio::test(start_paused = true)]
async fn there_is_less_time_for_a_head_when_there_is_less_room() {
    let crowd = Crowd::new(8, HEAD);
    assert_eq!([0, 4, 6, 8].map(|open| crowd.head_time(open).as_millis()), [10_000, 10_000, 5_000, 500]);
    let first = seats(&crowd, &[1, 2, 3]).await;
    tokio::time::advance(Duration::from_secs(6)).await;
    let _more = seats(&crowd, &[4, 5]).await;
    assert!(ended(&first).is_empty());
    // The sixth: half of the time is left, and the first three had more.
    let _sixth = crowd.admit(address(6)).await;
    assert_eq!(ended(&first), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn places_are_counted_whatever_becomes_of_a_connection() {
    let crowd = Crowd::new(3, HEAD);
    for round in 0..1_000_u32 {
        let seat = crowd.admit(address((round % 7) as u8)).await;
        match round % 5 {
            0 => seat.keeps(),
            1 => seat.owes_body(),
            2 => seat.owes_next(),
            _ => (),
        }
        if round % 3 == 0 {
            let held = crowd.admit(address(200)).await;
            drop(seat);
            drop(held);
        }
    }
    let state = crowd.lock();
    let crowds: usize = state.crowds.values().map(BTreeSet::len).sum();
    assert_eq!((state.open, state.owing.len(), state.addresses.len(), crowds), (0, 0, 0, 0));
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let parse = |text: &str| network(text.parse().unwrap());
    assert_eq!(parse("2001:db8::1"), parse("2001:db8::2:0:0:1"));
    assert_ne!(parse("2001:db8::1"), parse("2001:db8:0:1::1"));
    assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
}
