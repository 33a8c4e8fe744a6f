//! Faults on real processes and real servers. One executable; each test needs redis-server and rabbitmq-server.

mod chaos;
