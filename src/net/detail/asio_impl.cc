// Asio's own functions, compiled here once (BOOST_ASIO_SEPARATE_COMPILATION) and not in every file that speaks TLS.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
