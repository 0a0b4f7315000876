/** The implementation of governance for Linux. JNA is seen by the {@code libc} package alone. */
module io.ffrtmp.governance.linux {
  requires com.sun.jna;
  requires transitive io.ffrtmp.governance;
  requires org.slf4j;
  requires static org.jspecify;

  exports io.ffrtmp.governance.linux;
}
