package io.ffrtmp.governance.linux.libc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("kernel")
class EpollKernelTest {
  @Test
  void closed_whoseNumbersAreOfOtherFiles_touchesNoneOfThem(@TempDir Path dir) throws Exception {
    Epoll closed = new Epoll();
    closed.close();
    Path first = dir.resolve("first");
    Path second = dir.resolve("second");
    int flags = Libc.O_WRONLY | Libc.O_CREAT;
    int[] files = {Libc.open(first.toString(), flags), Libc.open(second.toString(), flags)};
    try {
      closed.wake();
      closed.remove(files[0]);
      assertThatThrownBy(() -> closed.add(files[0], Epoll.EPOLLIN, 1))
          .isInstanceOf(ErrnoException.class)
          .hasMessageContaining("EBADF");
      assertThat(first).isEmptyFile();
      assertThat(second).isEmptyFile();
    } finally {
      Libc.close(files[0]);
      Libc.close(files[1]);
    }
  }
}
