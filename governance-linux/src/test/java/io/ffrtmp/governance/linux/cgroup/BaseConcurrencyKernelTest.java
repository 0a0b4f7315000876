package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.JobIdInUseException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Governors that share a base, each as if it were another JVM: they have nothing but the kernel.
 */
@Tag("kernel")
class BaseConcurrencyKernelTest {
  private static final int ROUNDS = 400;

  private final CgroupHost host = new CgroupHost();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void leaveNothing() throws Exception {
    threads.shutdownNow();
    threads.awaitTermination(10, TimeUnit.SECONDS);
    host.close();
  }

  @Test
  void createsAndCleans_atOnce_neverLoseALiveGroup() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    List<Future<Integer>> makers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      String id = "job-" + i;
      makers.add(threads.submit(() -> make(id)));
    }
    Callable<Integer> cleaner =
        () -> {
          int rounds = 0;
          Base base = host.base(CgroupFiles.kernel());
          for (; !over.get(); rounds++) {
            base.home().leftovers().clean();
            base.close(); // removes the home whenever it is empty for a moment
          }
          return rounds;
        };
    Future<Integer> cleaning = threads.submit(cleaner);
    for (Future<Integer> maker : makers) {
      assertThat(maker.get(180, TimeUnit.SECONDS)).isEqualTo(ROUNDS);
    }
    over.set(true);
    assertThat(cleaning.get(180, TimeUnit.SECONDS)).isPositive();
  }

  private int make(String id) throws Exception {
    Base base = host.base(CgroupFiles.kernel());
    int made = 0;
    for (; made < ROUNDS; made++) {
      if (made % 3 == 0) { // what a governor that died there would leave
        base.home().create(id, CgroupHost.deadMark(id));
      }
      JobGroup group = base.home().create(id, CgroupHost.mark(id));
      for (Path home : host.homes()) {
        assertThat(home.resolve(id)).isDirectory();
      }
      assertThat(group.remove()).isTrue();
    }
    return made;
  }

  @Test
  void createsOfOneId_atOnce_haveOneWinnerEach() throws Exception {
    for (int round = 0; round < 100; round++) {
      String id = "job-" + round;
      if (round % 2 == 0) {
        host.base.home().create(id, CgroupHost.deadMark(id));
      }
      List<Future<Boolean>> tries = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        tries.add(threads.submit(() -> tryToCreate(id)));
      }
      int winners = 0;
      for (Future<Boolean> each : tries) {
        winners += each.get(180, TimeUnit.SECONDS) ? 1 : 0;
      }
      assertThat(winners).isEqualTo(1);
      assertThat(host.homes()).allMatch(home -> Files.isDirectory(home.resolve(id)));
    }
  }

  private boolean tryToCreate(String id) throws Exception {
    try {
      return host.base(CgroupFiles.kernel()).home().create(id, CgroupHost.mark(id)).exists();
    } catch (JobIdInUseException e) {
      return false;
    }
  }
}
