/** The {@code ffrtmp} command line. */
module io.ffrtmp.governance.examples {
  requires info.picocli;
  requires io.ffrtmp.governance.linux;
  requires static org.jspecify;

  opens io.ffrtmp.governance.examples to
      info.picocli;
}
