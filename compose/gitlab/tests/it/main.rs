//! The client against servers that this process plays, on loopback: friendly ones, and hostile ones. In: calls. Out: pages or errors, and what the
//! servers saw. Never asks a real GitLab.
//!
//! [`server`] plays a GitLab byte by byte, and a canary that must never be asked.

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
