/**
 * The vocabulary of governance: values, outcomes and the verdict. It touches no operating system.
 */
module io.ffrtmp.governance {
  requires com.fasterxml.jackson.annotation;
  requires static org.jspecify;

  exports io.ffrtmp.governance;
  exports io.ffrtmp.governance.testing;

  opens io.ffrtmp.governance;
}
