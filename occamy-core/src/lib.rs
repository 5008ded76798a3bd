//! The scheduler of Occamy, and the traits that users and transports implement.
