package io.ffrtmp.governance.examples.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Processes that are not our children: the yardstick starts them, reaps each as soon as it ends,
 * and ends them all with itself.
 */
final class Strangers implements AutoCloseable {
  private final Coprocess parent = Coprocess.yardstick(List.of());

  Strangers() throws IOException {}

  /** In groups of their own, where the library will nest its own. */
  Strangers(List<Path> groups) throws IOException {
    for (Path group : groups) {
      Files.writeString(group.resolve("cgroup.procs"), "" + parent.pid());
    }
  }

  /** Starts one; its pid. */
  int start() throws IOException {
    return (int) parent.askAll("stranger")[1];
  }

  @Override
  public void close() throws IOException {
    parent.close();
  }
}
