// Beast, compiled once (BOOST_BEAST_SEPARATE_COMPILATION). Nothing else belongs here.
#include <boost/beast/src.hpp>
