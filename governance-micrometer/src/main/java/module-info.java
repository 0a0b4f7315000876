/** What a governor tells its listeners, as Micrometer's meters. */
module io.ffrtmp.governance.micrometer {
  requires transitive io.ffrtmp.governance;
  requires transitive micrometer.core;
  requires static org.jspecify;

  exports io.ffrtmp.governance.micrometer;
}
