//! The local language model as a service.
