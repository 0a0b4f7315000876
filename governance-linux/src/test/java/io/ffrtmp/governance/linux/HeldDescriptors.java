package io.ffrtmp.governance.linux;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;

/** What this JVM has open, to show that nothing of the library's is left. */
public final class HeldDescriptors {
  /**
   * What the JVM opens when it likes, on threads of its own: jars, files of its own, and the memory
   * files of its own cgroup, by which it sizes itself and its compiler.
   */
  private static final String THE_JVMS =
      "/proc/.*|/usr/.*|.*\\.jar|.*/modules|/sys/.*/memory\\.\\w+";

  private HeldDescriptors() {}

  /** How many descriptors this JVM holds, leaving out what it opens when it likes. */
  public static int count() {
    return IntStream.range(0, 5).map(again -> now()).min().orElseThrow();
  }

  private static int now() {
    int count = 0;
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path each : all) {
        count += isTheJvms(each) ? 0 : 1;
      }
      return count;
    } catch (IOException e) {
      return Integer.MAX_VALUE;
    }
  }

  private static boolean isTheJvms(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().matches(THE_JVMS);
    } catch (IOException closedMeanwhile) {
      return true;
    }
  }
}
