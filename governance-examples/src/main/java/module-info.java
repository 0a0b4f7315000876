/** The {@code ffrtmp} command line. */
module io.ffrtmp.governance.examples {
  requires info.picocli;
  requires io.ffrtmp.governance.linux;
  requires io.ffrtmp.governance.micrometer;
  requires jdk.httpserver;
  requires micrometer.registry.prometheus;
  requires static org.jspecify;

  opens io.ffrtmp.governance.examples to
      info.picocli;
}
