package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.StartedJob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What jobs cost this JVM while they run, and that nothing of them is left. */
@Tag("kernel")
class CostKernelTest extends RunContract {
  private static final int MANY = 300;

  @Test
  void manyConcurrentJobs_costOneDescriptorEachAndNoThread() throws Exception {
    governor.run(sh("exit 0")); // loads what is loaded once
    Set<String> before = threads();
    int descriptors = JobTree.descriptors();
    List<StartedJob> jobs = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      jobs.add(governor.start(sh("exec sleep 600")));
    }
    assertThat(JobTree.descriptors() - descriptors).isEqualTo(MANY);
    Set<String> during = threads();
    assertThat(during.stream().filter(each -> each.contains("watcher"))).hasSize(1);
    assertThat(during.stream().filter(each -> !before.contains(each)).toList())
        .allMatch(each -> each.startsWith("governance-result-"));
    assertThat(governor.jobs()).hasSize(MANY);
    assertThat(JobTree.children()).hasSize(MANY);

    jobs.forEach(StartedJob::kill);
    for (StartedJob job : jobs) {
      job.await();
    }
    assertThat(resultThreads()).isLessThanOrEqualTo(4);
    assertThat(JobTree.descriptors()).isEqualTo(descriptors);
    assertThat(JobTree.children()).isEmpty();
    assertThat(governor.jobs()).isEmpty();
    governor.close();
    assertThat(tree.everything()).isEmpty();
    soon().until(() -> threads().stream().noneMatch(each -> each.contains("watcher")));
  }

  private static long resultThreads() {
    return threads().stream().filter(each -> each.startsWith("governance-result-")).count();
  }

  private static Set<String> threads() {
    Set<String> names = new TreeSet<>();
    Thread.getAllStackTraces().keySet().forEach(thread -> names.add(thread.getName()));
    names.removeIf(each -> !each.startsWith("governance-"));
    return names;
  }

  @Test
  void fiveHundredRuns_leaveNoZombieNoDirectoryNoDescriptor() throws Exception {
    governor.run(sh("exit 0"));
    int descriptors = JobTree.descriptors();
    for (int i = 0; i < 500; i++) {
      governor.run(sh("exit 0").limits(memory(64)));
    }
    assertThat(JobTree.descriptors()).isEqualTo(descriptors);
    assertThat(JobTree.children()).isEmpty();
    for (Path mount : tree.mounts()) {
      try (var jobs = Files.newDirectoryStream(mount.resolve(name), Files::isDirectory)) {
        assertThat(jobs).isEmpty();
      }
    }
    governor.close();
    assertThat(tree.everything()).isEmpty();
    assertThat(JobTree.descriptors()).isLessThanOrEqualTo(descriptors);
  }

  @Test
  void openAndClose_manyTimes_leaveNoThreadAndNoDescriptor() throws Exception {
    open(LinuxGovernor.builder()).close();
    governor.close();
    soon().until(() -> threads().stream().noneMatch(each -> each.contains("watcher")));
    int descriptors = JobTree.descriptors();
    for (int i = 0; i < 50; i++) {
      open(LinuxGovernor.builder()).close();
    }
    soon().until(() -> threads().stream().noneMatch(each -> each.contains("watcher")));
    soon().untilAsserted(() -> assertThat(JobTree.descriptors()).isEqualTo(descriptors));
  }
}
