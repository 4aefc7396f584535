//! The smallest DNS client: TXT values of one name from one server, over TCP as Pebble asks.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TXT: u16 = 16;
const INTERNET: u16 = 1;
/// Any id will do on a connection of our own; recursion desired, one question.
const HEADER: [u8; 12] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const LONGEST_LABEL: u8 = 63;
const DEADLINE: Duration = Duration::from_secs(10);

/// The TXT values of `name` at `server`; none when the name does not exist.
///
/// # Errors
/// When the server cannot be asked, or does not answer within ten seconds with a DNS message.
pub(crate) fn txt_values(server: SocketAddr, name: &str) -> io::Result<Vec<String>> {
    let query = query(name)?;
    let mut connection = TcpStream::connect_timeout(&server, DEADLINE)?;
    connection.set_read_timeout(Some(DEADLINE))?;
    connection.write_all(&u16::try_from(query.len()).map_err(io::Error::other)?.to_be_bytes())?;
    connection.write_all(&query)?;

    let mut length = [0; 2];
    connection.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    connection.read_exact(&mut message)?;
    // The question comes back unchanged, so the answers begin where the query ended.
    parse(&message, query.len()).ok_or_else(|| io::Error::other("the answer is not a DNS message"))
}

fn query(name: &str) -> io::Result<Vec<u8>> {
    let mut query = HEADER.to_vec();
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=LONGEST_LABEL).contains(length));
        query.push(length.ok_or_else(|| io::Error::other(format!("{name} is no DNS name")))?);
        query.extend(label.bytes());
    }
    query.push(0);
    query.extend(TXT.to_be_bytes());
    query.extend(INTERNET.to_be_bytes());
    Ok(query)
}

fn parse(message: &[u8], answers: usize) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut at = answers;
    for _ in 0..number(message, 6)? {
        at = after_name(message, at)?;
        let kind = number(message, at)?;
        let data = at + 10;
        at = data + usize::from(number(message, at + 8)?);
        if kind == TXT {
            values.push(joined(message.get(data..at)?)?);
        }
    }
    Some(values)
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer & 0xc0 != 0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// A value is a row of strings, each with its length before it.
fn joined(mut data: &[u8]) -> Option<String> {
    let mut value = Vec::new();
    while let Some((&length, rest)) = data.split_first() {
        let (string, rest) = rest.split_at_checked(usize::from(length))?;
        value.extend(string);
        data = rest;
    }
    String::from_utf8(value).ok()
}
