package io.ffrtmp.governance.linux.libc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("kernel")
class PidfdKernelTest {
  @Test
  void closed_whoseNumberIsAnothers_tellsNothingOfThatOne() throws Exception {
    Process child = new ProcessBuilder("sleep", "60").start();
    Pidfd closed = Pidfd.open((int) child.pid());
    closed.close();
    try (Pidfd other = Pidfd.open((int) child.pid())) {
      assumeTrue(other.fd() == closed.fd(), "another thread was first to get the number");
      assertThat(other.ended()).isFalse();
      assertThat(closed.ended()).isTrue();
      assertThat(other.keepsWaiting()).isTrue();
      assertThat(closed.keepsWaiting()).isFalse();
      assertThat(closed.pid()).isEmpty();
      assertThat(closed.reap()).isEmpty();
      assertThatThrownBy(() -> closed.send(9)).isInstanceOf(ErrnoException.class);
      assertThat(child.isAlive()).isTrue();
      child.destroyForcibly().waitFor(); // it is reaped: from Linux 6.15 on the kernel tells how
      assertThatThrownBy(closed::waitStatus).isInstanceOf(ErrnoException.class);
      assertThatThrownBy(closed::lastCgroup).isInstanceOf(ErrnoException.class);
    } finally {
      child.destroyForcibly();
    }
  }
}
