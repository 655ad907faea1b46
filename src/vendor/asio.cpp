// Asio, compiled once (BOOST_ASIO_SEPARATE_COMPILATION). Nothing else belongs here.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
