//! The client against servers in this process, on loopback: friendly and hostile ones. In: calls. Out: pages or errors, and what the servers saw.
//! Never contacts a real GitLab.
//!
//! [`server`] plays a GitLab byte by byte, and a canary that must never be contacted.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod records;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod server;
